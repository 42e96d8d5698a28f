#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| imafarm_fuzz::messages::run(data));
