// SimGrid's kernel timers and nothing else of it: a message is a timer whose callback handles it.

#include "peers.hpp"

#include <simgrid/kernel/Timer.hpp>
#include <simgrid/s4u/Engine.hpp>

using peers::latency;
using simgrid::kernel::timer::Timer;

namespace {

/// When what happens now happens, in whole ns: SimGrid's own clock is in seconds, and no whole number.
int64_t now;

template <void (*handle)(uint32_t source, uint32_t target)> void send(uint32_t source, uint32_t target, int64_t after) {
    const int64_t due = now + after;
    Timer::set(static_cast<double>(due) * 1e-9, [source, target, due] {
        now = due;
        handle(source, target);
    });
}

namespace storm {

uint32_t alive;
std::vector<int64_t> starts;
std::vector<bool> acknowledged;
uint64_t elects, acks, declares;
int64_t winner = -1, ended;

void on_declare(uint32_t, uint32_t) { ended = now; }

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
    starts[host] = now;
    elects += alive - host;
    for (uint32_t target = host + 1; target < alive; ++target) send<on_elect>(host, target, latency(host, target));
    send<on_patience_over>(host, host, peers::patience);
}

}  // namespace storm

namespace heartbeat {

uint32_t collector;
std::vector<int64_t> last_replies;
uint64_t updates, replies;

void on_reply(uint32_t, uint32_t member) { last_replies[member] = now; }

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

}  // namespace

int main(int argc, char** argv) {
    simgrid::s4u::Engine engine(&argc, argv);
    // Without a platform it does not run, however empty.
    engine.get_netzone_root();
    return peers::run(
        argc, argv,
        [&](uint32_t hosts) {
            using namespace storm;
            alive = hosts - 1;
            starts.assign(alive, -1);
            acknowledged.assign(alive, false);
            return [&] {
                start(0);
                engine.run();
                return peers::Outcome{{{"ELECT", elects}, {"ACK", acks}, {"DECLARE", declares}}, ended, winner, starts};
            };
        },
        [&](uint32_t hosts) {
            using namespace heartbeat;
            collector = hosts;
            last_replies.assign(hosts, 0);
            return [&engine, hosts] {
                for (uint32_t member = 0; member < hosts; ++member) send<on_beat>(0, member, peers::phase(member));
                engine.run();
                return peers::Outcome{{{"UPDATE", updates}, {"REPLY", replies}}, now, -1, last_replies};
            };
        });
}
