//! Which instruction does what: one line an operation, for each precision and width of vectors.

use iced_x86::Code;

use super::signs::Signs;
use crate::loops::Precision;

/// How wide vectors are, and how instructions on them are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// 128 bits, VEX: what stays the same in all lanes.
    Xmm,
    /// 256 bits, VEX.
    Ymm,
    /// 512 bits, EVEX: masks have registers of their own.
    Zmm,
}

impl Form {
    /// How many bytes a vector has.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Xmm => 16,
            Self::Ymm => 32,
            Self::Zmm => 64,
        }
    }
}

/// What an instruction does with vectors of reals or of integers as wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Subtract,
    Multiply,
    Divide,
    Minimum,
    Maximum,
    SquareRoot,
    /// By an immediate byte.
    Round,
    /// By an immediate byte; into a mask register where there are.
    Compare,
    /// VEX: the third operand where the fourth has its top bit set, else the second. EVEX: the third
    /// operand where the mask holds, else the second.
    Blend,
    And,
    /// The third without what the second has.
    AndNot,
    Or,
    Xor,
    /// Of 32 bits only.
    FromInteger,
    IntegerAdd,
    IntegerSubtract,
    IntegerEqual,
    /// The second above the third. EVEX as well.
    IntegerGreater,
    ShiftLeft,
    /// VEX has none for 64 bits: the one for 32 bits stands in its place.
    ShiftRight,
    ShiftRightUnsigned,
    /// An element into all lanes.
    Broadcast,
    Load,
    Store,
}

/// Which operands of a fused multiply-add are which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// `first = first * third + second`
    First,
    /// `first = second * first + third`
    Middle,
    /// `first = second * third + first`
    Last,
}

/// The instruction for an operation.
pub(super) fn code(op: Op, precision: Precision, form: Form) -> Code {
    column(row(op), precision, form)
}

/// The instruction for a fused multiply-add.
pub(super) fn multiply_add(order: Order, signs: Signs, precision: Precision, form: Form) -> Code {
    column(multiply_add_row(order, signs), precision, form)
}

/// The instruction for `a` times 2 to the power of a whole `b`, which AVX-512 alone has.
#[rustfmt::skip]
pub(super) fn scale(precision: Precision, form: Form) -> Code {
    use Code as C;
    column([
        C::EVEX_Vscalefps_xmm_k1z_xmm_xmmm128b32, C::EVEX_Vscalefps_ymm_k1z_ymm_ymmm256b32, C::EVEX_Vscalefps_zmm_k1z_zmm_zmmm512b32_er,
        C::EVEX_Vscalefpd_xmm_k1z_xmm_xmmm128b64, C::EVEX_Vscalefpd_ymm_k1z_ymm_ymmm256b64, C::EVEX_Vscalefpd_zmm_k1z_zmm_zmmm512b64_er,
    ], precision, form)
}

fn column(row: [Code; 6], precision: Precision, form: Form) -> Code {
    let column = match form {
        Form::Xmm => 0,
        Form::Ymm => 1,
        Form::Zmm => 2,
    };
    match precision {
        Precision::F32 => row[column],
        Precision::F64 => row[3 + column],
    }
}

/// f32 in 128, 256 and 512 bits, then f64.
#[rustfmt::skip]
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn row(op: Op) -> [Code; 6] {
    use Code as C;
    match op {
        Op::Add => [
            C::VEX_Vaddps_xmm_xmm_xmmm128, C::VEX_Vaddps_ymm_ymm_ymmm256, C::EVEX_Vaddps_zmm_k1z_zmm_zmmm512b32_er,
            C::VEX_Vaddpd_xmm_xmm_xmmm128, C::VEX_Vaddpd_ymm_ymm_ymmm256, C::EVEX_Vaddpd_zmm_k1z_zmm_zmmm512b64_er,
        ],
        Op::Subtract => [
            C::VEX_Vsubps_xmm_xmm_xmmm128, C::VEX_Vsubps_ymm_ymm_ymmm256, C::EVEX_Vsubps_zmm_k1z_zmm_zmmm512b32_er,
            C::VEX_Vsubpd_xmm_xmm_xmmm128, C::VEX_Vsubpd_ymm_ymm_ymmm256, C::EVEX_Vsubpd_zmm_k1z_zmm_zmmm512b64_er,
        ],
        Op::Multiply => [
            C::VEX_Vmulps_xmm_xmm_xmmm128, C::VEX_Vmulps_ymm_ymm_ymmm256, C::EVEX_Vmulps_zmm_k1z_zmm_zmmm512b32_er,
            C::VEX_Vmulpd_xmm_xmm_xmmm128, C::VEX_Vmulpd_ymm_ymm_ymmm256, C::EVEX_Vmulpd_zmm_k1z_zmm_zmmm512b64_er,
        ],
        Op::Divide => [
            C::VEX_Vdivps_xmm_xmm_xmmm128, C::VEX_Vdivps_ymm_ymm_ymmm256, C::EVEX_Vdivps_zmm_k1z_zmm_zmmm512b32_er,
            C::VEX_Vdivpd_xmm_xmm_xmmm128, C::VEX_Vdivpd_ymm_ymm_ymmm256, C::EVEX_Vdivpd_zmm_k1z_zmm_zmmm512b64_er,
        ],
        Op::Minimum => [
            C::VEX_Vminps_xmm_xmm_xmmm128, C::VEX_Vminps_ymm_ymm_ymmm256, C::EVEX_Vminps_zmm_k1z_zmm_zmmm512b32_sae,
            C::VEX_Vminpd_xmm_xmm_xmmm128, C::VEX_Vminpd_ymm_ymm_ymmm256, C::EVEX_Vminpd_zmm_k1z_zmm_zmmm512b64_sae,
        ],
        Op::Maximum => [
            C::VEX_Vmaxps_xmm_xmm_xmmm128, C::VEX_Vmaxps_ymm_ymm_ymmm256, C::EVEX_Vmaxps_zmm_k1z_zmm_zmmm512b32_sae,
            C::VEX_Vmaxpd_xmm_xmm_xmmm128, C::VEX_Vmaxpd_ymm_ymm_ymmm256, C::EVEX_Vmaxpd_zmm_k1z_zmm_zmmm512b64_sae,
        ],
        Op::SquareRoot => [
            C::VEX_Vsqrtps_xmm_xmmm128, C::VEX_Vsqrtps_ymm_ymmm256, C::EVEX_Vsqrtps_zmm_k1z_zmmm512b32_er,
            C::VEX_Vsqrtpd_xmm_xmmm128, C::VEX_Vsqrtpd_ymm_ymmm256, C::EVEX_Vsqrtpd_zmm_k1z_zmmm512b64_er,
        ],
        Op::Round => [
            C::VEX_Vroundps_xmm_xmmm128_imm8, C::VEX_Vroundps_ymm_ymmm256_imm8, C::EVEX_Vrndscaleps_zmm_k1z_zmmm512b32_imm8_sae,
            C::VEX_Vroundpd_xmm_xmmm128_imm8, C::VEX_Vroundpd_ymm_ymmm256_imm8, C::EVEX_Vrndscalepd_zmm_k1z_zmmm512b64_imm8_sae,
        ],
        Op::Compare => [
            C::VEX_Vcmpps_xmm_xmm_xmmm128_imm8, C::VEX_Vcmpps_ymm_ymm_ymmm256_imm8, C::EVEX_Vcmpps_kr_k1_zmm_zmmm512b32_imm8_sae,
            C::VEX_Vcmppd_xmm_xmm_xmmm128_imm8, C::VEX_Vcmppd_ymm_ymm_ymmm256_imm8, C::EVEX_Vcmppd_kr_k1_zmm_zmmm512b64_imm8_sae,
        ],
        Op::Blend => [
            C::VEX_Vblendvps_xmm_xmm_xmmm128_xmm, C::VEX_Vblendvps_ymm_ymm_ymmm256_ymm, C::EVEX_Vblendmps_zmm_k1z_zmm_zmmm512b32,
            C::VEX_Vblendvpd_xmm_xmm_xmmm128_xmm, C::VEX_Vblendvpd_ymm_ymm_ymmm256_ymm, C::EVEX_Vblendmpd_zmm_k1z_zmm_zmmm512b64,
        ],
        Op::And => [
            C::VEX_Vandps_xmm_xmm_xmmm128, C::VEX_Vandps_ymm_ymm_ymmm256, C::EVEX_Vandps_zmm_k1z_zmm_zmmm512b32,
            C::VEX_Vandpd_xmm_xmm_xmmm128, C::VEX_Vandpd_ymm_ymm_ymmm256, C::EVEX_Vandpd_zmm_k1z_zmm_zmmm512b64,
        ],
        Op::AndNot => [
            C::VEX_Vandnps_xmm_xmm_xmmm128, C::VEX_Vandnps_ymm_ymm_ymmm256, C::EVEX_Vandnps_zmm_k1z_zmm_zmmm512b32,
            C::VEX_Vandnpd_xmm_xmm_xmmm128, C::VEX_Vandnpd_ymm_ymm_ymmm256, C::EVEX_Vandnpd_zmm_k1z_zmm_zmmm512b64,
        ],
        Op::Or => [
            C::VEX_Vorps_xmm_xmm_xmmm128, C::VEX_Vorps_ymm_ymm_ymmm256, C::EVEX_Vorps_zmm_k1z_zmm_zmmm512b32,
            C::VEX_Vorpd_xmm_xmm_xmmm128, C::VEX_Vorpd_ymm_ymm_ymmm256, C::EVEX_Vorpd_zmm_k1z_zmm_zmmm512b64,
        ],
        Op::Xor => [
            C::VEX_Vxorps_xmm_xmm_xmmm128, C::VEX_Vxorps_ymm_ymm_ymmm256, C::EVEX_Vxorps_zmm_k1z_zmm_zmmm512b32,
            C::VEX_Vxorpd_xmm_xmm_xmmm128, C::VEX_Vxorpd_ymm_ymm_ymmm256, C::EVEX_Vxorpd_zmm_k1z_zmm_zmmm512b64,
        ],
        Op::FromInteger => [
            C::VEX_Vcvtdq2ps_xmm_xmmm128, C::VEX_Vcvtdq2ps_ymm_ymmm256, C::EVEX_Vcvtdq2ps_zmm_k1z_zmmm512b32_er,
            C::VEX_Vcvtdq2ps_xmm_xmmm128, C::VEX_Vcvtdq2ps_ymm_ymmm256, C::EVEX_Vcvtdq2ps_zmm_k1z_zmmm512b32_er,
        ],
        Op::IntegerAdd => [
            C::VEX_Vpaddd_xmm_xmm_xmmm128, C::VEX_Vpaddd_ymm_ymm_ymmm256, C::EVEX_Vpaddd_zmm_k1z_zmm_zmmm512b32,
            C::VEX_Vpaddq_xmm_xmm_xmmm128, C::VEX_Vpaddq_ymm_ymm_ymmm256, C::EVEX_Vpaddq_zmm_k1z_zmm_zmmm512b64,
        ],
        Op::IntegerSubtract => [
            C::VEX_Vpsubd_xmm_xmm_xmmm128, C::VEX_Vpsubd_ymm_ymm_ymmm256, C::EVEX_Vpsubd_zmm_k1z_zmm_zmmm512b32,
            C::VEX_Vpsubq_xmm_xmm_xmmm128, C::VEX_Vpsubq_ymm_ymm_ymmm256, C::EVEX_Vpsubq_zmm_k1z_zmm_zmmm512b64,
        ],
        Op::IntegerEqual => [
            C::VEX_Vpcmpeqd_xmm_xmm_xmmm128, C::VEX_Vpcmpeqd_ymm_ymm_ymmm256, C::EVEX_Vpcmpeqd_kr_k1_zmm_zmmm512b32,
            C::VEX_Vpcmpeqq_xmm_xmm_xmmm128, C::VEX_Vpcmpeqq_ymm_ymm_ymmm256, C::EVEX_Vpcmpeqq_kr_k1_zmm_zmmm512b64,
        ],
        Op::IntegerGreater => [
            C::VEX_Vpcmpgtd_xmm_xmm_xmmm128, C::VEX_Vpcmpgtd_ymm_ymm_ymmm256, C::EVEX_Vpcmpgtd_kr_k1_zmm_zmmm512b32,
            C::VEX_Vpcmpgtq_xmm_xmm_xmmm128, C::VEX_Vpcmpgtq_ymm_ymm_ymmm256, C::EVEX_Vpcmpgtq_kr_k1_zmm_zmmm512b64,
        ],
        Op::ShiftLeft => [
            C::VEX_Vpslld_xmm_xmm_imm8, C::VEX_Vpslld_ymm_ymm_imm8, C::EVEX_Vpslld_zmm_k1z_zmmm512b32_imm8,
            C::VEX_Vpsllq_xmm_xmm_imm8, C::VEX_Vpsllq_ymm_ymm_imm8, C::EVEX_Vpsllq_zmm_k1z_zmmm512b64_imm8,
        ],
        Op::ShiftRight => [
            C::VEX_Vpsrad_xmm_xmm_imm8, C::VEX_Vpsrad_ymm_ymm_imm8, C::EVEX_Vpsrad_zmm_k1z_zmmm512b32_imm8,
            C::VEX_Vpsrad_xmm_xmm_imm8, C::VEX_Vpsrad_ymm_ymm_imm8, C::EVEX_Vpsraq_zmm_k1z_zmmm512b64_imm8,
        ],
        Op::ShiftRightUnsigned => [
            C::VEX_Vpsrld_xmm_xmm_imm8, C::VEX_Vpsrld_ymm_ymm_imm8, C::EVEX_Vpsrld_zmm_k1z_zmmm512b32_imm8,
            C::VEX_Vpsrlq_xmm_xmm_imm8, C::VEX_Vpsrlq_ymm_ymm_imm8, C::EVEX_Vpsrlq_zmm_k1z_zmmm512b64_imm8,
        ],
        Op::Broadcast => [
            C::VEX_Vbroadcastss_xmm_m32, C::VEX_Vbroadcastss_ymm_m32, C::EVEX_Vbroadcastss_zmm_k1z_xmmm32,
            C::VEX_Vmovddup_xmm_xmmm64, C::VEX_Vbroadcastsd_ymm_m64, C::EVEX_Vbroadcastsd_zmm_k1z_xmmm64,
        ],
        Op::Load => [
            C::VEX_Vmovups_xmm_xmmm128, C::VEX_Vmovups_ymm_ymmm256, C::EVEX_Vmovups_zmm_k1z_zmmm512,
            C::VEX_Vmovups_xmm_xmmm128, C::VEX_Vmovups_ymm_ymmm256, C::EVEX_Vmovupd_zmm_k1z_zmmm512,
        ],
        Op::Store => [
            C::VEX_Vmovups_xmmm128_xmm, C::VEX_Vmovups_ymmm256_ymm, C::EVEX_Vmovups_zmmm512_k1z_zmm,
            C::VEX_Vmovups_xmmm128_xmm, C::VEX_Vmovups_ymmm256_ymm, C::EVEX_Vmovupd_zmmm512_k1z_zmm,
        ],
    }
}

/// Likewise, by order, and by whether the product and the addend are negated.
#[rustfmt::skip]
fn multiply_add_row(order: Order, signs: Signs) -> [Code; 6] {
    use Code as C;
    match (order, signs.product, signs.addend) {
        (Order::First, false, false) => [
            C::VEX_Vfmadd132ps_xmm_xmm_xmmm128, C::VEX_Vfmadd132ps_ymm_ymm_ymmm256, C::EVEX_Vfmadd132ps_zmm_k1z_zmm_zmmm512b32_er,
            C::VEX_Vfmadd132pd_xmm_xmm_xmmm128, C::VEX_Vfmadd132pd_ymm_ymm_ymmm256, C::EVEX_Vfmadd132pd_zmm_k1z_zmm_zmmm512b64_er,
        ],
        (Order::First, false, true) => [
            C::VEX_Vfmsub132ps_xmm_xmm_xmmm128, C::VEX_Vfmsub132ps_ymm_ymm_ymmm256, C::EVEX_Vfmsub132ps_zmm_k1z_zmm_zmmm512b32_er,
            C::VEX_Vfmsub132pd_xmm_xmm_xmmm128, C::VEX_Vfmsub132pd_ymm_ymm_ymmm256, C::EVEX_Vfmsub132pd_zmm_k1z_zmm_zmmm512b64_er,
        ],
        (Order::First, true, false) => [
            C::VEX_Vfnmadd132ps_xmm_xmm_xmmm128, C::VEX_Vfnmadd132ps_ymm_ymm_ymmm256, C::EVEX_Vfnmadd132ps_zmm_k1z_zmm_zmmm512b32_er,
            C::VEX_Vfnmadd132pd_xmm_xmm_xmmm128, C::VEX_Vfnmadd132pd_ymm_ymm_ymmm256, C::EVEX_Vfnmadd132pd_zmm_k1z_zmm_zmmm512b64_er,
        ],
        (Order::First, true, true) => [
            C::VEX_Vfnmsub132ps_xmm_xmm_xmmm128, C::VEX_Vfnmsub132ps_ymm_ymm_ymmm256, C::EVEX_Vfnmsub132ps_zmm_k1z_zmm_zmmm512b32_er,
            C::VEX_Vfnmsub132pd_xmm_xmm_xmmm128, C::VEX_Vfnmsub132pd_ymm_ymm_ymmm256, C::EVEX_Vfnmsub132pd_zmm_k1z_zmm_zmmm512b64_er,
        ],
        (Order::Middle, false, false) => [
            C::VEX_Vfmadd213ps_xmm_xmm_xmmm128, C::VEX_Vfmadd213ps_ymm_ymm_ymmm256, C::EVEX_Vfmadd213ps_zmm_k1z_zmm_zmmm512b32_er,
            C::VEX_Vfmadd213pd_xmm_xmm_xmmm128, C::VEX_Vfmadd213pd_ymm_ymm_ymmm256, C::EVEX_Vfmadd213pd_zmm_k1z_zmm_zmmm512b64_er,
        ],
        (Order::Middle, false, true) => [
            C::VEX_Vfmsub213ps_xmm_xmm_xmmm128, C::VEX_Vfmsub213ps_ymm_ymm_ymmm256, C::EVEX_Vfmsub213ps_zmm_k1z_zmm_zmmm512b32_er,
            C::VEX_Vfmsub213pd_xmm_xmm_xmmm128, C::VEX_Vfmsub213pd_ymm_ymm_ymmm256, C::EVEX_Vfmsub213pd_zmm_k1z_zmm_zmmm512b64_er,
        ],
        (Order::Middle, true, false) => [
            C::VEX_Vfnmadd213ps_xmm_xmm_xmmm128, C::VEX_Vfnmadd213ps_ymm_ymm_ymmm256, C::EVEX_Vfnmadd213ps_zmm_k1z_zmm_zmmm512b32_er,
            C::VEX_Vfnmadd213pd_xmm_xmm_xmmm128, C::VEX_Vfnmadd213pd_ymm_ymm_ymmm256, C::EVEX_Vfnmadd213pd_zmm_k1z_zmm_zmmm512b64_er,
        ],
        (Order::Middle, true, true) => [
            C::VEX_Vfnmsub213ps_xmm_xmm_xmmm128, C::VEX_Vfnmsub213ps_ymm_ymm_ymmm256, C::EVEX_Vfnmsub213ps_zmm_k1z_zmm_zmmm512b32_er,
            C::VEX_Vfnmsub213pd_xmm_xmm_xmmm128, C::VEX_Vfnmsub213pd_ymm_ymm_ymmm256, C::EVEX_Vfnmsub213pd_zmm_k1z_zmm_zmmm512b64_er,
        ],
        (Order::Last, false, false) => [
            C::VEX_Vfmadd231ps_xmm_xmm_xmmm128, C::VEX_Vfmadd231ps_ymm_ymm_ymmm256, C::EVEX_Vfmadd231ps_zmm_k1z_zmm_zmmm512b32_er,
            C::VEX_Vfmadd231pd_xmm_xmm_xmmm128, C::VEX_Vfmadd231pd_ymm_ymm_ymmm256, C::EVEX_Vfmadd231pd_zmm_k1z_zmm_zmmm512b64_er,
        ],
        (Order::Last, false, true) => [
            C::VEX_Vfmsub231ps_xmm_xmm_xmmm128, C::VEX_Vfmsub231ps_ymm_ymm_ymmm256, C::EVEX_Vfmsub231ps_zmm_k1z_zmm_zmmm512b32_er,
            C::VEX_Vfmsub231pd_xmm_xmm_xmmm128, C::VEX_Vfmsub231pd_ymm_ymm_ymmm256, C::EVEX_Vfmsub231pd_zmm_k1z_zmm_zmmm512b64_er,
        ],
        (Order::Last, true, false) => [
            C::VEX_Vfnmadd231ps_xmm_xmm_xmmm128, C::VEX_Vfnmadd231ps_ymm_ymm_ymmm256, C::EVEX_Vfnmadd231ps_zmm_k1z_zmm_zmmm512b32_er,
            C::VEX_Vfnmadd231pd_xmm_xmm_xmmm128, C::VEX_Vfnmadd231pd_ymm_ymm_ymmm256, C::EVEX_Vfnmadd231pd_zmm_k1z_zmm_zmmm512b64_er,
        ],
        (Order::Last, true, true) => [
            C::VEX_Vfnmsub231ps_xmm_xmm_xmmm128, C::VEX_Vfnmsub231ps_ymm_ymm_ymmm256, C::EVEX_Vfnmsub231ps_zmm_k1z_zmm_zmmm512b32_er,
            C::VEX_Vfnmsub231pd_xmm_xmm_xmmm128, C::VEX_Vfnmsub231pd_ymm_ymm_ymmm256, C::EVEX_Vfnmsub231pd_zmm_k1z_zmm_zmmm512b64_er,
        ],
    }
}
