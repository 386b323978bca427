//! Objects for other machines, linked with a C program and run: on this machine, or in QEMU's.
//!
//! In come objects, C text and what the program reads; out comes what it prints. Where a tool is not
//! installed, that is said, and which.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Where a program runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The target as Rust names it.
    pub(crate) target: &'static str,
    /// The C compiler, which links.
    compiler: &'static str,
    /// QEMU for the machine, and which CPU it is to be; none: this machine itself.
    emulator: Option<(&'static str, &'static str)>,
}

const X86_64: &str = "x86_64-unknown-linux-gnu";

/// This machine, where it is one of the targets.
pub(crate) const HERE: Place = Place { target: X86_64, compiler: "cc", emulator: None };

/// The oldest CPUs of x86-64: none of SSE3, SSE4.1, AVX and FMA.
pub(crate) const OLDEST: Place = Place { emulator: Some(("qemu-x86_64", "qemu64,-pni")), ..HERE };

/// The first CPUs with AVX2 and FMA.
pub(crate) const HASWELL: Place = Place { emulator: Some(("qemu-x86_64", "Haswell")), ..HERE };

/// Other architectures, as the least CPUs that code is made for.
pub(crate) const OTHERS: [Place; 3] = [
    Place {
        target: "aarch64-unknown-linux-gnu",
        compiler: "aarch64-linux-gnu-gcc",
        emulator: Some(("qemu-aarch64", "cortex-a53")),
    },
    Place {
        target: "riscv64gc-unknown-linux-gnu",
        compiler: "riscv64-linux-gnu-gcc",
        emulator: Some(("qemu-riscv64", "rv64")),
    },
    Place {
        target: "s390x-unknown-linux-gnu",
        compiler: "s390x-linux-gnu-gcc",
        emulator: Some(("qemu-s390x", "qemu")),
    },
];

/// What a program printed, or else which tool is missing, in words for a skipped test.
///
/// # Panics
/// Where the objects cannot be linked, or the program fails.
pub(crate) fn run(
    place: &Place,
    objects: &[&[u8]],
    c_text: &str,
    input: &[u8],
) -> Result<Vec<u8>, String> {
    if place.emulator.is_none() && !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return Err(format!("SKIPPED: this machine is not {}", place.target));
    }
    let prefix = place.compiler.strip_suffix("-gcc");
    let package = prefix.map_or_else(|| "gcc".to_owned(), |prefix| format!("gcc-{prefix}"));
    let emulator = place.emulator.map(|(emulator, _)| (emulator, "qemu-user".to_owned()));
    for (tool, package) in [(place.compiler, package)].into_iter().chain(emulator) {
        if !is_there(tool) {
            return Err(format!(
                "SKIPPED: {} is not run, for want of `{tool}` (Debian: apt-get install {package})",
                place.target
            ));
        }
    }
    let folder = Folder::new();
    let program = link(place, &folder.0, objects, c_text);
    fs::write(folder.0.join("input"), input).expect("the temporary folder is writable");
    let mut command = match place.emulator {
        Some((emulator, cpu)) => {
            let mut command = Command::new(emulator);
            command.args(["-cpu", cpu]).arg(program);
            command
        }
        None => Command::new(program),
    };
    let input = fs::File::open(folder.0.join("input")).expect("it was just written");
    let output = command.stdin(input).output().expect("the program starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{place:?}: {}\n{errors}", output.status);
    Ok(output.stdout)
}

/// Says that a test was skipped. Tests that pass are silent, but for what goes past their writer.
#[expect(clippy::explicit_write, reason = "`eprintln!` is what tests that pass are silent with")]
pub(crate) fn tell(skipped: &str) {
    writeln!(std::io::stderr(), "{skipped}").expect("errors can be written");
}

/// A program that needs nothing of this machine's libraries; and, as a test that the objects may be
/// loaded anywhere, a shared library of them.
fn link(place: &Place, folder: &Path, objects: &[&[u8]], c_text: &str) -> PathBuf {
    let program = folder.join("program");
    let c_file = folder.join("main.c");
    fs::write(&c_file, c_text).expect("the temporary folder is writable");
    let files = objects.iter().enumerate().map(|(at, object)| {
        let file = folder.join(format!("{at}.o"));
        fs::write(&file, object).expect("the temporary folder is writable");
        file
    });
    let files: Vec<PathBuf> = files.collect();
    let run = |arguments: &[&str], output: &Path| {
        let mut command = Command::new(place.compiler);
        command.args(["-Wall", "-Werror", "-Wl,--fatal-warnings"]).args(arguments).args(&files);
        let output = command.arg("-o").arg(output).output().expect("the compiler starts");
        assert!(output.status.success(), "{place:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let c_file = c_file.to_str().expect("the temporary folder has a name in UTF-8");
    run(&["-static", "-O1", c_file], &program);
    run(&["-shared", "-nostdlib", "-Wl,-z,text,-z,defs"], &folder.join("library.so"));
    program
}

fn is_there(tool: &str) -> bool {
    let mut command = Command::new(tool);
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A temporary folder, gone when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("lossc-emulate-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("the temporary folder is writable");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays behind lies in the system's temporary folder.
        drop(fs::remove_dir_all(&self.0));
    }
}
