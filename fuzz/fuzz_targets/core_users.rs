#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = presence_core::fuzzing::users(data);
});
