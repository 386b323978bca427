//! Random programs over the whole loop language.

use proptest::prelude::*;

use super::*;
use crate::loops::{Join, Subscript};

/// A stream of choices; where it ends, the first choice every time, so that shorter is simpler.
struct Choices<'a> {
    bytes: &'a [u8],
}

impl Choices<'_> {
    fn below(&mut self, count: usize) -> usize {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        usize::from(*first) % count
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }
}

/// Draws a program: nested loops, some in lanes or with guards, over arrays of every role.
struct Generator<'a> {
    maker: Maker,
    choices: Choices<'a>,
    /// The values in scope.
    scope: Vec<Value>,
    /// The open loops.
    loops: Vec<(LoopId, Extent)>,
    /// In a loop in lanes: what it may store to, and where. Nothing else of these arrays is read in it.
    targets: Option<Vec<(ArrayId, Vec<Subscript>)>>,
    /// How many loops are open just inside of the last loop in lanes.
    lane_depth: usize,
    extents: [Extent; 4],
}

impl<'a> Generator<'a> {
    fn new(choices: Choices<'a>, precision: Precision) -> Self {
        let mut maker = Maker::new(precision);
        let [n, k] = ["N", "K"].map(|name| maker.extent(name));
        let (eight, five) = (Extent::Literal(8), Extent::Literal(5));
        for role in [ArrayRole::Input, ArrayRole::Output, ArrayRole::Temporary] {
            for axes in [&[n, k][..], &[k], &[eight, k], &[k, eight], &[], &[eight], &[k, five, n]]
            {
                maker.array(role, Kind::Real, axes);
            }
            for axes in [&[k][..], &[eight, eight]] {
                maker.array(role, Kind::Integer, axes);
            }
        }
        let extents = [k, n, eight, five];
        Self { maker, choices, scope: vec![], loops: vec![], targets: None, lane_depth: 0, extents }
    }

    fn body(&mut self, length: usize) {
        for _ in 0..length {
            match self.choices.below(8) {
                0 | 1 if self.targets.is_none() && self.loops.len() < 4 => self.make_loop(),
                0 if self.loops.len() == self.lane_depth => self.make_short_loop(),
                2 | 3 => self.store(),
                _ => self.compute(),
            }
        }
    }

    fn make_loop(&mut self) {
        // Two loops over extents that are long, the others short: the interpreter is slow.
        let long = self.loops.iter().filter(|(_, extent)| self.extents[..2].contains(extent));
        let first = if long.count() < 2 { 0 } else { 2 };
        let extents = self.extents;
        let extent = self.choices.of(&extents[first..]);
        let lanes = self.choices.below(3) > 0;
        let guard = (self.choices.below(4) == 3).then(|| self.operand(Kind::Mask));
        let id = self.maker.open();
        let outer = self.scope.len();
        self.loops.push((id, extent));
        if lanes {
            self.lane_depth = self.loops.len();
            self.targets = Some(vec![]);
            let targets: Vec<_> = (0..2).filter_map(|_| self.target(id)).collect();
            self.targets = Some(targets);
        }
        let length = 1 + self.choices.below(if lanes { 40 } else { 8 });
        self.body(length);
        let accumulators = self.accumulators(lanes);
        self.store();
        if lanes {
            self.targets = None;
        }
        self.close(
            outer,
            Loop { id, extent, lanes, guard, behind: None, body: vec![], accumulators },
        );
    }

    /// A loop inside of a loop in lanes.
    fn make_short_loop(&mut self) {
        let extent = self.choices.of(&[Extent::Literal(5), Extent::Literal(8)]);
        let id = self.maker.open();
        let outer = self.scope.len();
        self.loops.push((id, extent));
        let length = 1 + self.choices.below(6);
        self.body(length);
        let accumulators = self.accumulators(false);
        self.store();
        let (lanes, guard, body) = (false, None, vec![]);
        self.close(outer, Loop { id, extent, lanes, guard, behind: None, body, accumulators });
    }

    fn accumulators(&mut self, lanes: bool) -> Vec<Accumulator> {
        let mut accumulators = vec![];
        for _ in 0..self.choices.below(3) {
            let join = self.choices.of(&Join::ALL);
            let element = self.operand(join.kind());
            let is_product = lanes && join == Join::Sum && self.choices.below(2) == 0;
            let factor = is_product.then(|| self.operand(Kind::Real));
            let result = self.maker.value(join.kind());
            accumulators.push(Accumulator { join, element, factor, result });
        }
        accumulators
    }

    fn close(&mut self, outer: usize, done: Loop) {
        self.loops.pop();
        self.scope.truncate(outer);
        self.scope.extend(done.accumulators.iter().map(|accumulator| accumulator.result));
        let body = self.maker.bodies.pop().unwrap();
        self.maker.push(Statement::Loop(Box::new(Loop { body, ..done })));
    }

    /// A target with counters of short loops in place of literals.
    fn anywhere(&mut self, array: ArrayId, subscripts: Vec<Subscript>) -> Vec<Subscript> {
        let axes = self.maker.program.arrays[array.0 as usize].extents.clone();
        let mut other = vec![];
        for (subscript, axis) in subscripts.into_iter().zip(axes) {
            let open = self.loops.iter().rev().find(|(_, extent)| *extent == axis).copied();
            other.push(match (subscript, open) {
                (Subscript::Literal(_), Some((id, _))) if self.choices.below(2) == 0 => {
                    Subscript::Counter(id)
                }
                _ => subscript,
            });
        }
        other
    }

    /// An array that a loop in lanes may write, each iteration elsewhere.
    fn target(&mut self, id: LoopId) -> Option<(ArrayId, Vec<Subscript>)> {
        let (array, axes) = self.array(true);
        let mut subscripts = vec![];
        for axis in axes {
            let open: Vec<LoopId> = self
                .loops
                .iter()
                .filter(|(_, extent)| *extent == axis)
                .map(|(id, _)| *id)
                .collect();
            subscripts.push(match axis {
                _ if open.contains(&id) && !subscripts.contains(&Subscript::Counter(id)) => {
                    Subscript::Counter(id)
                }
                Extent::Literal(extent) => {
                    Subscript::Literal(u32::try_from(self.choices.below(extent as usize)).unwrap())
                }
                Extent::Given(_) => Subscript::Counter(*open.first()?),
            });
        }
        let already = self.targets.iter().flatten().any(|(target, _)| *target == array);
        (subscripts.contains(&Subscript::Counter(id)) && !already).then_some((array, subscripts))
    }

    fn array(&mut self, written: bool) -> (ArrayId, Vec<Extent>) {
        let arrays = (0..).map(ArrayId).zip(&self.maker.program.arrays);
        let arrays: Vec<_> =
            arrays.filter(|(_, array)| !written || array.role != ArrayRole::Input).collect();
        let (id, array) = arrays[self.choices.below(arrays.len())];
        (id, array.extents.clone())
    }

    /// Where to read or write an array, if the open loops reach all its axes.
    fn subscripts(&mut self, axes: &[Extent]) -> Option<Vec<Subscript>> {
        let mut subscripts = vec![];
        for axis in axes {
            let open: Vec<LoopId> =
                self.loops.iter().filter(|(_, extent)| extent == axis).map(|(id, _)| *id).collect();
            let by_counter = !open.is_empty() && self.choices.below(4) > 0;
            subscripts.push(match axis {
                _ if by_counter => Subscript::Counter(self.choices.of(&open)),
                Extent::Literal(8) if self.choices.below(2) == 0 => Subscript::Value(self.index()),
                Extent::Literal(extent) => {
                    Subscript::Literal(u32::try_from(self.choices.below(*extent as usize)).unwrap())
                }
                Extent::Given(_) => Subscript::Counter(*open.last()?),
            });
        }
        Some(subscripts)
    }

    /// An integer from 0 to 7.
    fn index(&mut self) -> Value {
        let any = self.operand(Kind::Integer);
        let seven = self.set(Kind::Integer, Operation::Integer(7));
        self.set(Kind::Integer, Operation::BitAnd(any, seven))
    }

    fn store(&mut self) {
        let target = match &self.targets {
            Some(targets) if targets.is_empty() => None,
            Some(targets) => {
                let (array, subscripts) = self.choices.of(&targets.clone());
                Some((array, self.anywhere(array, subscripts)))
            }
            None => {
                let (array, axes) = self.array(true);
                self.subscripts(&axes).map(|subscripts| (array, subscripts))
            }
        };
        if let Some((array, subscripts)) = target {
            let kind = self.maker.program.arrays[array.0 as usize].kind;
            let value = self.operand(kind);
            self.maker.push(Statement::Store { array, subscripts, value });
        }
    }

    fn load(&mut self) -> Option<Value> {
        let (array, axes) = self.array(false);
        let target = self.targets.iter().flatten().find(|(target, _)| *target == array).cloned();
        let subscripts = match target {
            Some((array, subscripts)) => self.anywhere(array, subscripts),
            None => self.subscripts(&axes)?,
        };
        let kind = self.maker.program.arrays[array.0 as usize].kind;
        Some(self.set(kind, Operation::Load(array, subscripts)))
    }

    fn set(&mut self, kind: Kind, operation: Operation) -> Value {
        let value = self.maker.set(kind, operation);
        self.scope.push(value);
        value
    }

    /// A value of a kind: one in scope, recent ones rather, or a constant.
    fn operand(&mut self, kind: Kind) -> Value {
        let kinds = &self.maker.program.kinds;
        let fitting: Vec<Value> = self
            .scope
            .iter()
            .rev()
            .filter(|value| kinds[value.0 as usize] == kind)
            .copied()
            .collect();
        if !fitting.is_empty() && self.choices.below(8) > 0 {
            let near = fitting.len().min(if self.choices.below(3) == 0 { 200 } else { 6 });
            return fitting[self.choices.below(near)];
        }
        let constant = match kind {
            Kind::Real => Operation::Real(self.choices.of(&REALS).to_bits()),
            Kind::Integer => Operation::Integer(self.choices.of(&[0, 1, -1, 3, 7, 1 << 30, -5])),
            Kind::Mask => Operation::Mask(self.choices.below(2) == 0),
        };
        self.set(kind, constant)
    }

    /// The bits of a real made a number first: what bits a NaN has depends on the machine.
    fn bits(&mut self) -> Value {
        let real = self.operand(Kind::Real);
        let number = self.set(Kind::Mask, Operation::Equal(real, real));
        let zero = self.set(Kind::Real, Operation::Real(0));
        let real = self.set(Kind::Real, Operation::Select(number, real, zero));
        self.set(Kind::Integer, Operation::Bits(real))
    }

    #[expect(clippy::many_single_char_names, reason = "operands have no better names")]
    fn compute(&mut self) {
        use Kind::{Integer, Mask, Real};
        use Operation as O;
        let which = self.choices.below(48);
        let by = u8::try_from(self.choices.below(32)).unwrap();
        let [a, b, c] = [(); 3].map(|()| self.operand(Real));
        let [m, n] = [(); 2].map(|()| self.operand(Integer));
        let [p, q] = [(); 2].map(|()| self.operand(Mask));
        let (kind, operation) = match which {
            0 => (Real, O::Add(a, b)),
            1 => (Real, O::Subtract(a, b)),
            2 => (Real, O::Multiply(a, b)),
            3 => (Real, O::Divide(a, b)),
            4 | 5 => (Real, O::FusedMultiplyAdd(a, b, c)),
            6 => (Real, O::Negate(a)),
            7 => (Real, O::Absolute(a)),
            8 => (Real, O::SquareRoot(a)),
            9 => (Real, O::Floor(a)),
            10 => (Real, O::Nearest(a)),
            11 => (Real, O::Minimum(a, b)),
            12 => (Real, O::Maximum(a, b)),
            13 => (Mask, O::Less(a, b)),
            14 => (Mask, O::LessEqual(a, b)),
            15 => (Mask, O::Equal(a, b)),
            16 => (Mask, O::IntegerLess(m, n)),
            17 => (Mask, O::IntegerEqual(m, n)),
            18 => (Mask, O::And(p, q)),
            19 => (Mask, O::Or(p, q)),
            20 => (Mask, O::Not(p)),
            21 => (Real, O::Select(p, a, b)),
            22 => (Integer, O::Select(p, m, n)),
            23 => (Mask, O::Select(p, q, p)),
            24 => {
                self.bits();
                return;
            }
            25 => (Real, O::FromBits(m)),
            26 => (Real, O::ToReal(m)),
            27 => (Integer, O::IntegerAdd(m, n)),
            28 => (Integer, O::IntegerSubtract(m, n)),
            29 => (Integer, O::BitAnd(m, n)),
            30 => (Integer, O::BitOr(m, n)),
            31 => (Integer, O::BitXor(m, n)),
            32 => (Integer, O::ShiftLeft(m, by)),
            33 => (Integer, O::ShiftRight(m, by)),
            34 => (Integer, O::ShiftRightUnsigned(m, by)),
            35 | 36 if !self.loops.is_empty() => {
                let (id, _) = self.choices.of(&self.loops.clone());
                (Integer, O::Counter(id))
            }
            35..=37 => (Integer, O::Extent(self.choices.of(&{ self.extents }))),
            _ => {
                self.load();
                return;
            }
        };
        self.set(kind, operation);
    }
}

fn draw(bytes: &[u8], precision: Precision, fused: bool) -> Program {
    let mut generator = Generator::new(Choices { bytes }, precision);
    generator.maker.program.fused &= fused;
    generator.body(6);
    generator.maker.finish()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_programs_give_the_same_bits(
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
        double in any::<bool>(),
        fused in any::<bool>(),
        extents in (prop::sample::select(&EXTENTS[..]), 0..70u64),
        seed in any::<u8>(),
    ) {
        let precision = if double { Precision::F64 } else { Precision::F32 };
        let program = draw(&bytes, precision, fused);
        let mut at = usize::from(seed);
        let mut choice = |below: usize| {
            at = at.wrapping_mul(25_214_903_917).wrapping_add(11);
            (at >> 16) % below
        };
        let extents = [extents.0, extents.1];
        let arrays = fill(&program, &extents, &mut choice);
        let compared = compare(&program, &kernels(&program), &extents, &arrays);
        prop_assert!(compared.is_ok(), "{}", compared.unwrap_err());
    }
}
