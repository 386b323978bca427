//! Says on which machine, when and how the page was measured.

use std::time::{SystemTime, UNIX_EPOCH};

/// A list in Markdown; what the load of the machine means is for the page to say.
pub(crate) fn lines(about_load: &str) -> String {
    let mut lines = vec![
        format!("- Machine: {}, {}", processor(), std::env::consts::OS),
        format!("- Features that matter here: {}", features()),
        format!("- Date: {}", today()),
    ];
    lines.extend(
        load().map(|load| format!("- Load: {load} processes that want to run; {about_load}")),
    );
    lines.join("\n") + "\n"
}

fn processor() -> String {
    let named = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    named.unwrap_or_else(|| format!("a processor of kind {}", std::env::consts::ARCH))
}

/// The load average of the last minute, where there is one.
fn load() -> Option<String> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next().map(str::to_owned)
}

#[cfg(target_arch = "x86_64")]
fn features() -> String {
    let known = [
        ("sse4.1", std::is_x86_feature_detected!("sse4.1")),
        ("avx", std::is_x86_feature_detected!("avx")),
        ("avx2", std::is_x86_feature_detected!("avx2")),
        ("fma", std::is_x86_feature_detected!("fma")),
        ("avx512f", std::is_x86_feature_detected!("avx512f")),
    ];
    known.iter().filter(|(_, has)| *has).map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> String {
    std::env::consts::ARCH.to_owned()
}

/// The date in the Gregorian calendar, UTC.
fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (mut day, mut year) = (since / 86_400, 1970);
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", day + 1)
}
