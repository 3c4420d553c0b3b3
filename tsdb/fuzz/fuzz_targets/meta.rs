#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tsdb_fuzz::checks::meta(data));
