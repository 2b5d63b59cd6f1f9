#![no_main]

libfuzzer_sys::fuzz_target!(init: moe_fuzz::write_seeds("parse"), |data: &[u8]| moe_fuzz::parse(data));
