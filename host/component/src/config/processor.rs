//! Which processor guests are compiled for.

use wasmtime::Config;

/// Where it can be, machine code is for a level of processors and not for the one of this machine: what was compiled when the binary was
/// built, perhaps elsewhere, is used, and one folder of machine code serves several machines.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub(super) fn set(config: &mut Config) {
    /// The level x86-64-v3, of all processors since 2015 or so, as far as the compiler knows it.
    const LEVEL: [&str; 11] = [
        "has_sse3",
        "has_ssse3",
        "has_sse41",
        "has_sse42",
        "has_popcnt",
        "has_avx",
        "has_avx2",
        "has_fma",
        "has_bmi1",
        "has_bmi2",
        "has_lzcnt",
    ];
    macro_rules! has {
        ($($feature:tt)*) => { $(std::arch::is_x86_feature_detected!($feature))&&* };
    }
    // An older processor, and one of another kind, is compiled for as it is.
    if !has!("sse3" "ssse3" "sse4.1" "sse4.2" "popcnt" "avx" "avx2" "fma" "bmi1" "bmi2" "lzcnt")
        || config.target("x86_64-unknown-linux-gnu").is_err()
    {
        return;
    }
    for feature in LEVEL {
        #[expect(
            unsafe_code,
            reason = "the processor has the feature: that is seen above, and wasmtime looks again"
        )]
        unsafe {
            config.cranelift_flag_enable(feature);
        }
    }
}

/// Where it can be, machine code is for a level of processors; here it is for this one.
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
pub(super) fn set(_: &mut Config) {}
