mod compile;
mod exact;
mod found;
mod functions;
mod progress;
mod sweep;
mod ulp;

fn main() {
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
    for name in std::env::args().skip(1) {
        let f = functions::FUNCTIONS.iter().find(|f| f.name == name).expect("function");
        let t = std::time::Instant::now();
        let found = sweep::sweep(f, threads);
        println!("{name} {:.1}s {found:#?}", t.elapsed().as_secs_f64());
    }
}
