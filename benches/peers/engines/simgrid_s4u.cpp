// SimGrid as its guide has it: each host is an actor that waits at a mailbox of its own, on a platform of hosts around
// a switch.
//
// A latency of SimGrid's is a link's and not a message's, so a host's half of each way is drawn once: 0.1 ms and up to
// 0.05 ms more. A way is two halves, 0.2 to 0.3 ms as everywhere. Messages have no length, so that they share no
// bandwidth.

#include "peers.hpp"

#include <simgrid/s4u.hpp>

namespace s4u = simgrid::s4u;

namespace {

/// Every host has one, the dead one too; a member's collector has the last.
std::vector<s4u::Host*> hosts;
std::vector<s4u::Mailbox*> mailboxes;

void make_platform(uint32_t count) {
    auto* zone = s4u::Engine::get_instance()->get_netzone_root()->add_netzone_star("zone");
    for (uint32_t number = 0; number < count; ++number) {
        const auto name = std::to_string(number);
        auto* host = zone->add_host(name, 1e9);
        const double half = 1e-4 + (peers::mix(number) >> 16) * (0.5e-4 / 65536);
        auto* link = zone->add_link("link " + name, 1e12);
        link->set_latency(half)->set_sharing_policy(s4u::Link::SharingPolicy::FATPIPE)->seal();
        zone->add_route(host, nullptr, {s4u::LinkInRoute(link)}, true);
        hosts.push_back(host);
        mailboxes.push_back(s4u::Mailbox::by_name(name));
    }
    zone->seal();
}

/// From 1 on, since SimGrid carries no null pointer.
enum Kind : uintptr_t { elect = 1, ack, declare, update, reply };
uint64_t sent[6];

/// A message is a number where SimGrid carries a pointer. It is on its way at once, whether or not somebody waits.
void send(Kind kind, uint32_t source, uint32_t target) {
    ++sent[kind];
    mailboxes[target]->put_init(reinterpret_cast<void*>(uintptr_t{source} << 3 | kind), 0)->detach();
}

uintptr_t receive(s4u::Mailbox* mailbox) { return reinterpret_cast<uintptr_t>(mailbox->get<void>()); }

/// When a work begins, on SimGrid's clock: what is sent at 0 sharp arrives at once, whatever its latency.
constexpr double begin = 1e-3;

int64_t now() { return static_cast<int64_t>((s4u::Engine::get_clock() - begin) * 1e9 + 0.5); }

namespace storm {

uint32_t alive;
int64_t winner = -1, ended;

void fan_out(Kind kind, uint32_t host, uint32_t first) {
    for (uint32_t target = first; target < alive; ++target)
        if (target != host) send(kind, host, target);
    // The dead one, which nobody waits for.
    ++sent[kind];
}

/// A live host. The first starts by itself.
void live(uint32_t host) {
    auto* mailbox = mailboxes[host];
    bool started = false, acknowledged = false;
    double until = 0;
    auto start = [&] {
        started = true;
        until = s4u::Engine::get_clock() + peers::patience * 1e-9;
        fan_out(elect, host, host + 1);
    };
    if (host == 0) {
        s4u::this_actor::sleep_until(begin);
        start();
    }
    while (true) {
        uintptr_t message;
        if (started && !acknowledged) {
            try {
                message = reinterpret_cast<uintptr_t>(mailbox->get<void>(until - s4u::Engine::get_clock()));
            } catch (const simgrid::TimeoutException&) {
                winner = host;
                fan_out(declare, host, 0);
                return;
            }
        } else {
            message = receive(mailbox);
        }
        switch (static_cast<Kind>(message & 7)) {
        case elect:
            send(ack, host, static_cast<uint32_t>(message >> 3));
            if (!started) start();
            break;
        case ack:
            acknowledged = true;
            break;
        default:
            ended = now();
            return;
        }
    }
}

}  // namespace storm

namespace heartbeat {

int64_t ended;

void collect(uint32_t collector) {
    for (uint64_t left = uint64_t{peers::beats} * collector; left > 0; --left)
        send(reply, collector, static_cast<uint32_t>(receive(mailboxes[collector]) >> 3));
}

void live(uint32_t member, uint32_t collector) {
    for (int beat = 0; beat < peers::beats; ++beat) {
        s4u::this_actor::sleep_until(begin + (peers::phase(member) + beat * peers::period) * 1e-9);
        send(update, member, collector);
        receive(mailboxes[member]);
    }
    ended = now();
}

}  // namespace heartbeat

}  // namespace

int main(int argc, char** argv) {
    s4u::Engine engine(&argc, argv);
    xbt_log_control_set("root.thresh:warning");
    // Latencies as they are said, and stacks as small as what these actors do.
    s4u::Engine::set_config("network/model:CM02");
    s4u::Engine::set_config("network/crosstraffic:0");
    s4u::Engine::set_config("contexts/stack-size:32");
    s4u::Engine::set_config("contexts/guard-size:0");
    auto add = [](uint32_t host, auto... what) {
        auto actor = hosts[host]->add_actor(std::to_string(host), what...);
        mailboxes[host]->set_receiver(actor);
    };
    return peers::run(
        argc, argv,
        [&](uint32_t count) {
            using namespace storm;
            alive = count - 1;
            make_platform(alive);
            for (uint32_t host = 0; host < alive; ++host) add(host, &live, host);
            return [&] {
                engine.run();
                return peers::Outcome{
                    {{"ELECT", sent[elect]}, {"ACK", sent[ack]}, {"DECLARE", sent[declare]}}, ended, winner, {}};
            };
        },
        [&](uint32_t count) {
            using namespace heartbeat;
            make_platform(count + 1);
            add(count, &collect, count);
            for (uint32_t member = 0; member < count; ++member) add(member, &live, member, count);
            return [&] {
                engine.run();
                return peers::Outcome{{{"UPDATE", sent[update]}, {"REPLY", sent[reply]}}, ended, -1, {}};
            };
        });
}
