//! One program for all targets: `BINDBACK_FUZZ_TARGET` names the one that runs; `BINDBACK_FUZZ_SEED` names a folder into
//! which the beginnings of a corpus are written instead.
#![no_main]

use std::sync::OnceLock;

use bindback_fuzz::Target;

static TARGET: OnceLock<Target> = OnceLock::new();

fn chosen() -> Target {
    if let Some(folder) = std::env::var_os("BINDBACK_FUZZ_SEED") {
        let written = bindback_fuzz::seed::write(folder.as_ref());
        written.unwrap_or_else(|error| panic!("the seeds are not written: {error}"));
        // To exit here would be a find.
        return |_| {};
    }
    let name = std::env::var("BINDBACK_FUZZ_TARGET").unwrap_or_default();
    bindback_fuzz::target(&name).unwrap_or_else(|| {
        let names: Vec<&str> = bindback_fuzz::TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!("BINDBACK_FUZZ_TARGET={name:?} is no target; there are: {}", names.join(" "));
        std::process::exit(2)
    })
}

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    TARGET.get_or_init(chosen)(octets);
});
