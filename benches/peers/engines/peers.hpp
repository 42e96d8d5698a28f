// What the C++ engines share: the latencies of `_work.py`, and the line in which they report. The harness compares the
// fingerprints of all engines, so what is not the same here as there shows.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

namespace peers {

constexpr int64_t second = 1'000'000'000;
constexpr int64_t patience = second;
constexpr int64_t period = 60 * second;
constexpr int beats = 10;

inline uint32_t mix(uint32_t word) {
    word = (word ^ word >> 16) * 0x7FEB352Du;
    return word ^ word >> 15;
}

/// How long a message takes, in ns.
inline int64_t latency(uint32_t source, uint32_t target) {
    return 200'000 + ((mix(source * 0x9E3779B1u + target * 0x85EBCA77u) >> 16) * 1'562u >> 10);
}

/// When a member sends its first update, in ns.
inline int64_t phase(uint32_t member) {
    return static_cast<int64_t>(uint64_t{mix(member * 0x9E3779B1u)} * 60'000'000u >> 32) * 1'000;
}

/// The most memory that this process has had, in bytes; Linux alone tells it of the program by itself.
inline long peak_bytes() {
    long kib = 0;
    char line[256];
    if (FILE* status = std::fopen("/proc/self/status", "r")) {
        while (std::fgets(line, sizeof line, status))
            if (std::sscanf(line, "VmHWM: %ld", &kib) == 1) break;
        std::fclose(status);
    }
    return kib * 1024;
}

/// What came of a work. Times are in ns; none are given by an engine that has latencies of its own.
struct Outcome {
    std::vector<std::pair<const char*, uint64_t>> messages;
    int64_t ended = 0;
    int64_t winner = -1;
    std::vector<int64_t> times;
};

inline void report(const Outcome& outcome, double seconds, double busy_seconds) {
    std::string messages;
    for (const auto& [kind, count] : outcome.messages)
        messages += (messages.empty() ? "\"" : ", \"") + std::string(kind) + "\": " + std::to_string(count);
    uint64_t fingerprint = 0xCBF29CE484222325u;
    for (int64_t time : outcome.times) fingerprint = (fingerprint ^ static_cast<uint64_t>(time)) * 0x100000001B3u;
    std::printf("{\"messages\": {%s}, \"ended\": %lld, \"winner\": %s, \"fingerprint\": %s, \"beyond\": {}, "
                "\"seconds\": %.9f, \"busy_share\": %.3f, \"peak_bytes\": %ld}\n",
                messages.c_str(), static_cast<long long>(outcome.ended),
                outcome.winner < 0 ? "null" : std::to_string(outcome.winner).c_str(),
                outcome.times.empty() ? "null" : std::to_string(fingerprint).c_str(), seconds, busy_seconds / seconds, peak_bytes());
}

/// `PROGRAM storm|heartbeat HOSTS` does the work once. What a work returns is the function that runs it, so that
/// making the hosts is not timed.
template <class Storm, class Heartbeat> int run(int argc, char** argv, Storm storm, Heartbeat heartbeat) {
    const uint32_t hosts = argc == 3 ? std::strtoul(argv[2], nullptr, 10) : 0;
    if (hosts < 3) {
        std::fprintf(stderr, "usage: %s storm|heartbeat HOSTS, 3 or more\n", argv[0]);
        return 2;
    }
    auto timed = [](auto&& work) {
        const std::clock_t busy = std::clock();
        const auto begin = std::chrono::steady_clock::now();
        const Outcome outcome = work();
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
        report(outcome, took.count(), static_cast<double>(std::clock() - busy) / CLOCKS_PER_SEC);
    };
    if (std::strcmp(argv[1], "storm") == 0)
        timed(storm(hosts));
    else
        timed(heartbeat(hosts));
    return 0;
}

}  // namespace peers
