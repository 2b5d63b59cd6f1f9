//! Asks LLVM what a processor can do, by looking at the code it writes for a few small functions.
//!
//! LLVM's C interface has no question for it, and a table of our own could disagree with LLVM.

use crate::cpu::{Capabilities, Cpu};
use crate::error::LlvmError;
use inkwell::context::Context;
use inkwell::memory_buffer::MemoryBuffer;
use inkwell::targets::FileType;

/// One function for each question.
const QUESTIONS: &str = r#"
define void @product(ptr %p) #0 {
  %v = load <16 x float>, ptr %p, align 4
  %r = call <16 x float> @llvm.fma.v16f32(<16 x float> %v, <16 x float> %v, <16 x float> %v)
  store <16 x float> %r, ptr %p, align 4
  ret void
}
define void @sum(ptr %p) #0 {
  %v = load <16 x float>, ptr %p, align 4
  %r = fadd <16 x float> %v, %v
  store <16 x float> %r, ptr %p, align 4
  ret void
}
define void @rounding(ptr %p) #0 {
  %v = load float, ptr %p, align 4
  %r = call float @llvm.floor.f32(float %v)
  store float %r, ptr %p, align 4
  ret void
}
define void @half(ptr %p) #0 {
  %v = load half, ptr %p, align 2
  %w = fpext half %v to float
  %r = fadd float %w, %w
  %n = fptrunc float %r to half
  store half %n, ptr %p, align 2
  ret void
}
define void @pairs(ptr %p) #0 {
  %v = load <16 x float>, ptr %p, align 4
  %n = fptrunc <16 x float> %v to <16 x bfloat>
  store <16 x bfloat> %n, ptr %p, align 2
  ret void
}
define void @words(ptr %p) #0 {
  %a = load <8 x i16>, ptr %p, align 2
  %q = getelementptr i8, ptr %p, i64 16
  %b = load <8 x i16>, ptr %q, align 2
  %r = getelementptr i8, ptr %p, i64 32
  %c = load <4 x i32>, ptr %r, align 4
  %x = sext <8 x i16> %a to <8 x i32>
  %y = sext <8 x i16> %b to <8 x i32>
  %m = mul nsw <8 x i32> %x, %y
  %e = shufflevector <8 x i32> %m, <8 x i32> poison, <4 x i32> <i32 0, i32 2, i32 4, i32 6>
  %o = shufflevector <8 x i32> %m, <8 x i32> poison, <4 x i32> <i32 1, i32 3, i32 5, i32 7>
  %s = add <4 x i32> %e, %o
  %t = add <4 x i32> %s, %c
  store <4 x i32> %t, ptr %r, align 4
  ret void
}
declare <16 x float> @llvm.fma.v16f32(<16 x float>, <16 x float>, <16 x float>)
declare float @llvm.floor.f32(float)
attributes #0 = { nounwind "prefer-vector-width"="512" }
"#;

/// What a processor can do.
pub(crate) fn capabilities(cpu: &Cpu) -> Result<Capabilities, LlvmError> {
    let assembly = answers(cpu)?;
    let calls = |function: &str| assembly.contains(function);
    let wide = assembly.contains("zmm");
    let vector_bytes = match () {
        () if cpu.is_aarch64() => 16,
        () if wide => 64,
        () if assembly.contains("ymm") => 32,
        () => 16,
    };
    Ok(Capabilities {
        cpu: cpu.name().to_owned(),
        vector_bytes,
        vector_registers: if wide || cpu.is_aarch64() { 32 } else { 16 },
        fused_multiply_add: !calls("fmaf"),
        rounding: !calls("floorf"),
        // The instructions that round to `bf16` come with those that sum products of it, where vectors are as wide.
        bf16_pairs: wide && assembly.contains("vcvtneps2bf16"),
        word_pairs: assembly.contains("pmaddwd") || assembly.contains("vpdpwssd"),
        // The instruction that adds products of words to a sum comes with the one for bytes.
        byte_quads: assembly.contains("vpdpwssd"),
        half_conversion: !(calls("__extendhfsf2") || calls("__gnu_h2f_ieee") || calls("__truncsfhf2")),
    })
}

/// The assembly of the questions.
fn answers(cpu: &Cpu) -> Result<String, LlvmError> {
    let refused = |what: String| LlvmError::Refused { stage: "asking LLVM about the processor", what };
    let context = Context::create();
    let buffer = MemoryBuffer::create_from_memory_range_copy(QUESTIONS.as_bytes(), "questions");
    let module = context.create_module_from_ir(buffer).map_err(|error| refused(error.to_string()))?;
    let machine = cpu.machine()?;
    module.set_triple(&machine.get_triple());
    module.set_data_layout(&machine.get_target_data().get_data_layout());
    let assembly = machine
        .write_to_memory_buffer(&module, FileType::Assembly)
        .map_err(|error| refused(error.to_string()))?;
    Ok(String::from_utf8_lossy(assembly.as_slice()).into_owned())
}
