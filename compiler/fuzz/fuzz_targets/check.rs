#![no_main]

libfuzzer_sys::fuzz_target!(init: moe_fuzz::write_seeds("check"), |data: &[u8]| moe_fuzz::check(data));
