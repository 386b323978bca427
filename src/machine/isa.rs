//! Which vectors code is written for: those that Cranelift has everywhere, or the wide ones of some CPUs.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

/// The vectors of a CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Isa {
    /// 128 bits, through Cranelift: on every machine.
    Portable,
    /// 256 bits on x86-64, with fused multiply-add: AVX2, FMA, BMI1 and BMI2.
    Avx2,
    /// 512 bits on x86-64: AVX-512 F, CD, DQ, BW and VL beside all of [`Isa::Avx2`].
    Avx512,
}

impl Isa {
    /// Every one, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// The widest vectors that this machine has and lossc writes code for.
    #[must_use]
    pub fn host() -> Self {
        let has = Self::ALL.into_iter().filter(|isa| isa.is_on_host());
        has.max().unwrap_or(Self::Portable)
    }

    /// Whether this machine runs code with these vectors.
    #[must_use]
    pub fn is_on_host(self) -> bool {
        // The code follows the calling convention of System V.
        #[cfg(all(target_arch = "x86_64", unix))]
        {
            use std::is_x86_feature_detected as has;
            let narrow = || has!("avx2") && has!("fma") && has!("bmi1") && has!("bmi2");
            let wide =
                || has!("avx512f") && has!("avx512dq") && has!("avx512bw") && has!("avx512vl");
            match self {
                Self::Portable => true,
                Self::Avx2 => narrow(),
                Self::Avx512 => narrow() && wide(),
            }
        }
        #[cfg(not(all(target_arch = "x86_64", unix)))]
        {
            self == Self::Portable
        }
    }
}

impl Display for Isa {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        })
    }
}

impl FromStr for Isa {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name == "native" {
            return Ok(Self::host());
        }
        let named = Self::ALL.into_iter().find(|isa| isa.to_string() == name);
        named.ok_or_else(|| {
            format!("there is no `{name}`; there are portable, avx2, avx512 and native")
        })
    }
}
