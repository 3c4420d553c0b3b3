#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| expo_format_fuzz::checks::snappy(data));
