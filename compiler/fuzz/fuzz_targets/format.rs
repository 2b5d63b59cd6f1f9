#![no_main]

libfuzzer_sys::fuzz_target!(init: moe_fuzz::write_seeds("format"), |data: &[u8]| moe_fuzz::format(data));
