// ns-3, with only the next message of each fan-out in its scheduler: its best form for a storm.
//
// A message's latency depends on nothing but its two ends, so all arrivals of a fan-out are known when it is sent, and so
// are those of its answers. They are sorted once, and one event goes from each to the next. The scheduler stays as small
// as the zone, and each message is still an event of its own, in strict order.

#include "peers.hpp"

#include <algorithm>

#include <ns3/event-impl.h>
#include <ns3/nstime.h>
#include <ns3/object-factory.h>
#include <ns3/scheduler.h>
#include <ns3/simulator.h>

using ns3::NanoSeconds;
using ns3::Simulator;
using peers::latency;

namespace {

uint32_t alive;
std::vector<int64_t> starts;
std::vector<bool> acknowledged;
uint64_t elects, acks, declares;
int64_t winner = -1, ended;

int64_t now() { return Simulator::Now().GetNanoSeconds(); }

void on_elect(uint32_t source, uint32_t target);
void on_ack(uint32_t source, uint32_t target);
void on_declare(uint32_t, uint32_t) { ended = now(); }

/// Messages in the order of their arrival, each of which has `host` on one end.
template <void (*handle)(uint32_t host, uint32_t other)> class Stream : public ns3::EventImpl {
  public:
    /// An arrival is the ns after the stream's begin, then the other end.
    Stream(uint32_t host, std::vector<uint64_t> arrivals) : host(host), begin(now()), arrivals(std::move(arrivals)) {
        std::sort(this->arrivals.begin(), this->arrivals.end());
    }

    /// Sends the stream on its way.
    static void go(uint32_t host, std::vector<uint64_t> arrivals) {
        if (arrivals.empty()) return;
        ns3::Ptr<Stream> stream(new Stream(host, std::move(arrivals)), false);
        stream->wait_for_next();
    }

  private:
    void Notify() override {
        const auto other = static_cast<uint32_t>(arrivals[next++]);
        if (next < arrivals.size()) wait_for_next();
        handle(host, other);
    }

    void wait_for_next() {
        const auto after = static_cast<int64_t>(arrivals[next] >> 32) + begin - now();
        Simulator::Schedule(NanoSeconds(after), ns3::Ptr<ns3::EventImpl>(this));
    }

    uint32_t host;
    int64_t begin;
    std::vector<uint64_t> arrivals;
    size_t next = 0;
};

void on_patience_over(uint32_t host) {
    if (acknowledged[host]) return;
    winner = host;
    // The dead one is told too, and does not hear it.
    declares = alive;
    std::vector<uint64_t> arrivals;
    for (uint32_t target = 0; target < host; ++target)
        arrivals.push_back(static_cast<uint64_t>(latency(host, target)) << 32 | target);
    Stream<on_declare>::go(host, std::move(arrivals));
}

void start(uint32_t host) {
    starts[host] = now();
    elects += alive - host;
    std::vector<uint64_t> there, back;
    there.reserve(alive - host - 1);
    back.reserve(alive - host - 1);
    for (uint32_t target = host + 1; target < alive; ++target) {
        const auto arrival = static_cast<uint64_t>(latency(host, target));
        there.push_back(arrival << 32 | target);
        back.push_back(arrival + static_cast<uint64_t>(latency(target, host)) << 32 | target);
    }
    Stream<on_elect>::go(host, std::move(there));
    Stream<on_ack>::go(host, std::move(back));
    Simulator::Schedule(NanoSeconds(peers::patience), &on_patience_over, host);
}

void on_elect(uint32_t, uint32_t target) {
    ++acks;
    if (starts[target] < 0) start(target);
}

void on_ack(uint32_t source, uint32_t) { acknowledged[source] = true; }

}  // namespace

int main(int argc, char** argv) {
    ns3::ObjectFactory factory;
    const char* wanted = std::getenv("PEERS_NS3_SCHEDULER");
    factory.SetTypeId(wanted ? wanted : "ns3::PriorityQueueScheduler");
    Simulator::SetScheduler(factory);
    return peers::run(
        argc, argv,
        [](uint32_t hosts) {
            alive = hosts - 1;
            starts.assign(alive, -1);
            acknowledged.assign(alive, false);
            return [] {
                Simulator::ScheduleNow(&start, 0u);
                Simulator::Run();
                return peers::Outcome{{{"ELECT", elects}, {"ACK", acks}, {"DECLARE", declares}}, ended, winner, starts};
            };
        },
        [](uint32_t) { return [] { return peers::Outcome{}; }; });
}
