#![no_main]

libfuzzer_sys::fuzz_target!(init: moe_fuzz::write_seeds("safetensors"), |data: &[u8]| moe_fuzz::safetensors(data));
