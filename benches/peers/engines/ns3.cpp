// ns-3: its simulator and nothing else of it. A message is an event of our own class, which spares what binding a
// function to its arguments would cost; the scheduler is the fastest of ns-3's for this work.

#include "peers.hpp"

#include <ns3/event-impl.h>
#include <ns3/map-scheduler.h>
#include <ns3/nstime.h>
#include <ns3/object-factory.h>
#include <ns3/simulator.h>

using ns3::NanoSeconds;
using ns3::Simulator;
using peers::latency;

namespace {

/// On its way from one host to another.
template <void (*handle)(uint32_t source, uint32_t target)> class Message : public ns3::EventImpl {
  public:
    Message(uint32_t source, uint32_t target) : source(source), target(target) {}

  private:
    void Notify() override { handle(source, target); }
    uint32_t source, target;
};

template <void (*handle)(uint32_t, uint32_t)> void send(uint32_t source, uint32_t target, int64_t after) {
    Simulator::Schedule(NanoSeconds(after), ns3::Ptr<ns3::EventImpl>(new Message<handle>(source, target), false));
}

int64_t now() { return Simulator::Now().GetNanoSeconds(); }

namespace storm {

uint32_t alive;
std::vector<int64_t> starts;
std::vector<bool> acknowledged;
uint64_t elects, acks, declares;
int64_t winner = -1, ended;

void on_declare(uint32_t, uint32_t) { ended = now(); }

void on_patience_over(uint32_t host, uint32_t) {
    if (acknowledged[host]) return;
    winner = host;
    // The dead one is told too, and does not hear it.
    declares = alive;
    for (uint32_t target = 0; target < host; ++target) send<on_declare>(host, target, latency(host, target));
}

void on_ack(uint32_t, uint32_t target) { acknowledged[target] = true; }

void start(uint32_t host);

void on_elect(uint32_t source, uint32_t target) {
    ++acks;
    send<on_ack>(target, source, latency(target, source));
    if (starts[target] < 0) start(target);
}

void start(uint32_t host) {
    starts[host] = now();
    elects += alive - host;
    for (uint32_t target = host + 1; target < alive; ++target) send<on_elect>(host, target, latency(host, target));
    send<on_patience_over>(host, host, peers::patience);
}

}  // namespace storm

namespace heartbeat {

uint32_t collector;
std::vector<int64_t> last_replies;
uint64_t updates, replies;

void on_reply(uint32_t, uint32_t member) { last_replies[member] = now(); }

void on_update(uint32_t member, uint32_t) {
    ++replies;
    send<on_reply>(collector, member, latency(collector, member));
}

/// A member's next beat is a message to itself, whose source is how often it has beaten.
void on_beat(uint32_t beaten, uint32_t member) {
    ++updates;
    send<on_update>(member, collector, latency(member, collector));
    if (++beaten < peers::beats) send<on_beat>(beaten, member, peers::period);
}

}  // namespace heartbeat

void use_scheduler() {
    ns3::ObjectFactory factory;
    const char* wanted = std::getenv("PEERS_NS3_SCHEDULER");
    factory.SetTypeId(wanted ? wanted : "ns3::PriorityQueueScheduler");
    Simulator::SetScheduler(factory);
}

}  // namespace

int main(int argc, char** argv) {
    use_scheduler();
    return peers::run(
        argc, argv,
        [](uint32_t hosts) {
            using namespace storm;
            alive = hosts - 1;
            starts.assign(alive, -1);
            acknowledged.assign(alive, false);
            return [] {
                Simulator::ScheduleNow(&start, 0u);
                Simulator::Run();
                return peers::Outcome{{{"ELECT", elects}, {"ACK", acks}, {"DECLARE", declares}}, ended, winner, starts};
            };
        },
        [](uint32_t hosts) {
            using namespace heartbeat;
            collector = hosts;
            last_replies.assign(hosts, 0);
            return [hosts] {
                for (uint32_t member = 0; member < hosts; ++member) send<on_beat>(0, member, peers::phase(member));
                Simulator::Run();
                int64_t ended = 0;
                for (int64_t reply : last_replies) ended = reply > ended ? reply : ended;
                return peers::Outcome{{{"UPDATE", updates}, {"REPLY", replies}}, ended, -1, last_replies};
            };
        });
}
