#![no_main]

libfuzzer_sys::fuzz_target!(init: moe_fuzz::write_seeds("graph"), |data: &[u8]| moe_fuzz::graph(data));
