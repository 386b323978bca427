//! Losses with more work in an example: overlap of regions, contrast of a batch, pairs of a list, mixtures.

use crate::data::{Aligned, Random};
use crate::harness::{Line, Options, contender, measure as run};
use crate::kernels::contrast::InfoNce;
use crate::kernels::mixture::{K, Mixture};
use crate::kernels::overlap::Dice;
use crate::kernels::pairs::RankNet;
use crate::lanes::Set;
use crate::ours::{Shipped, reals};

/// Measures one of them.
type Case = fn(&Options, &'static str, String) -> Line;

/// Measures all of them.
pub(super) fn measure(options: &Options, lines: &mut Vec<Line>) {
    let cases: [(&str, &str, Case); 4] = [
        ("Dice", "16 images of 65536", dice),
        ("InfoNCE", "256 × 256 × 128", info_nce),
        ("RankNet", "16 lists of 1000", ranknet),
        ("mixture density", "4096 × 8", mixture),
    ];
    for (loss, size, case) in cases {
        if options.wants(loss, size) {
            lines.push(case(options, loss, size.to_owned()));
        }
    }
}

/// The instruction sets of this machine, and what code in them is called.
fn hands() -> impl Iterator<Item = (&'static str, Set)> {
    let sets = [("avx512", Set::Avx512), ("avx2", Set::Avx2)];
    sets.into_iter().filter(|(_, set)| set.is_here())
}

fn dice(options: &Options, loss: &'static str, size: String) -> Line {
    let (images, pixels) = (16, 65_536);
    let mut random = Random::new(3);
    let logits = Aligned::of(images * pixels, || 2.0 * random.bell());
    let mask = Aligned::of(images * pixels, || random.bit());
    let mut gradient = Aligned::zeros(images * pixels);
    let inputs =
        [reals("logits", &[images, pixels], &logits), reals("mask", &[images, pixels], &mask)];
    let shipped = Shipped::new("dice", &[("smooth", 1.0), ("squared", 0.0)]);
    let mut contenders = shipped.contenders(&inputs, &["logits"]);
    for (name, set) in hands() {
        let (logits, mask) = (&logits, &mask);
        contenders.push(contender(name, move |output| {
            let gradient = &mut *output.gradient;
            set.run(Dice { logits, mask, gradient, pixels, smooth: 1.0 })
        }));
    }
    run(options, loss, size, &mut gradient, contenders)
}

fn info_nce(options: &Options, loss: &'static str, size: String) -> Line {
    let (count, length, temperature) = (256, 128, 0.07);
    let mut random = Random::new(4);
    let queries = Aligned::of(count * length, || random.bell());
    // Every key is close to its query.
    let mut at = queries.iter();
    let keys = Aligned::of(count * length, || at.next().copied().unwrap_or(0.0) + random.bell());
    let mut gradient = Aligned::zeros(2 * count * length);
    let inputs =
        [reals("query", &[1, count, length], &queries), reals("key", &[1, count, length], &keys)];
    let shipped = Shipped::new("info_nce", &[("temperature", 0.07)]);
    let mut contenders = shipped.contenders(&inputs, &["query", "key"]);
    for (name, set) in hands() {
        let (queries, keys) = (&queries, &keys);
        let mut scratch = Aligned::zeros(InfoNce::scratch(count, length));
        contenders.push(contender(name, move |output| {
            let (gradient, scratch) = (&mut *output.gradient, &mut *scratch);
            set.run(InfoNce { queries, keys, gradient, count, length, temperature, scratch })
        }));
    }
    run(options, loss, size, &mut gradient, contenders)
}

fn ranknet(options: &Options, loss: &'static str, size: String) -> Line {
    let (lists, items) = (16, 1000);
    let mut random = Random::new(5);
    let scores = Aligned::of(lists * items, || random.bell());
    let gains = Aligned::of(lists * items, || random.below(5) as f32);
    let mut gradient = Aligned::zeros(lists * items);
    let inputs = [reals("score", &[lists, items], &scores), reals("gain", &[lists, items], &gains)];
    let shipped = Shipped::new("ranknet", &[("sigma", 1.0)]);
    let mut contenders = shipped.contenders(&inputs, &["score"]);
    for (name, set) in hands() {
        let (scores, gains) = (&scores, &gains);
        contenders.push(contender(name, move |output| {
            set.run(RankNet { scores, gains, gradient: output.gradient, items })
        }));
    }
    run(options, loss, size, &mut gradient, contenders)
}

fn mixture(options: &Options, loss: &'static str, size: String) -> Line {
    let rows = 4096;
    let mut random = Random::new(6);
    let logits = Aligned::of(rows * K, || random.bell());
    let centres = Aligned::of(rows * K, || 2.0 * random.bell());
    let log_scales = Aligned::of(rows * K, || 0.3 * random.bell());
    let points = Aligned::of(rows, || 2.0 * random.bell());
    let mut gradient = Aligned::zeros(3 * rows * K);
    let inputs = [
        reals("logits", &[rows, K], &logits),
        reals("centre", &[rows, K], &centres),
        reals("log_scale", &[rows, K], &log_scales),
        reals("y", &[rows], &points),
    ];
    let shipped = Shipped::new("mixture_density", &[]);
    let gradients = &["logits", "centre", "log_scale"];
    let mut contenders = shipped.contenders(&inputs, gradients);
    for (name, set) in hands() {
        let (logits, centres) = (&logits, &centres);
        let (log_scales, points) = (&log_scales, &points);
        contenders.push(contender(name, move |output| {
            let gradient = &mut *output.gradient;
            set.run(Mixture { logits, centres, log_scales, points, gradient })
        }));
    }
    run(options, loss, size, &mut gradient, contenders)
}
