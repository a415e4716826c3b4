//! From a program counter to the rules that tell the caller's registers: `.eh_frame`, read by gimli.

use crate::context::{Context, RETURN, STACK};
use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, EndianSlice, Error, Evaluation, EvaluationResult,
    FrameDescriptionEntry, Location, NativeEndian, ParsedEhFrameHdr, Pointer, Register, RegisterRule, UnwindContext,
    UnwindExpression, UnwindSection, UnwindTableRow, Value,
};

type Bytes = EndianSlice<'static, NativeEndian>;

unsafe extern "C" {
    static __executable_start: u8;
    static __etext: u8;
    static __GNU_EH_FRAME_HDR: u8;
}

/// The program's first address.
pub fn text_start() -> usize {
    &raw const __executable_start as usize
}

/// Where rules are kept while a table is read: on the stack. A function has few, and remembers few states.
pub struct OnStack;

/// Registers that a row may have rules for: those that calls preserve, return address and stack pointer, with room.
const RULES: usize = 32;
/// States that a table may remember at a time.
const STATES: usize = 4;

impl gimli::UnwindContextStorage<usize> for OnStack {
    type Rules = [(Register, RegisterRule<usize>); RULES];
    type Stack = [UnwindTableRow<usize, Self>; STATES];
}

impl gimli::EvaluationStorage<Bytes> for OnStack {
    type Stack = [Value; 64];
    type ExpressionStack = [(Bytes, Bytes); 0];
    type Result = [gimli::Piece<Bytes>; 1];
}

/// The program's tables.
pub struct Tables {
    bases: BaseAddresses,
    header: ParsedEhFrameHdr<Bytes>,
    frames: EhFrame<Bytes>,
}

/// A function's entry in the tables.
pub struct Function(FrameDescriptionEntry<Bytes>);

/// Memory from an address on, as far as it goes: its own contents tell where it ends.
///
/// # Safety
/// What is read of it must be there and stay as it is.
unsafe fn unlimited(start: usize) -> &'static [u8] {
    // SAFETY: the caller's promise.
    unsafe { core::slice::from_raw_parts(start as *const u8, isize::MAX as usize - start) }
}

/// What a pointer of the tables stands for.
fn follow(pointer: Pointer) -> usize {
    match pointer {
        Pointer::Direct(address) => address as usize,
        // SAFETY: the tables say that the word is there.
        Pointer::Indirect(at) => unsafe { *(at as *const usize) },
    }
}

impl Tables {
    /// Finds them by the linker's symbols. Errors: tables that cannot be read.
    pub fn find() -> Result<Self, Error> {
        let (text, header) = (text_start(), &raw const __GNU_EH_FRAME_HDR as usize);
        let bases = BaseAddresses::default().set_text(text as u64).set_eh_frame_hdr(header as u64);
        // SAFETY: the linker placed the tables, which are read-only; their contents tell where they end.
        let parsed =
            EhFrameHdr::new(unsafe { unlimited(header) }, NativeEndian).parse(&bases, size_of::<usize>() as u8)?;
        let frames = follow(parsed.eh_frame_ptr());
        // SAFETY: as above.
        let section = EhFrame::new(unsafe { unlimited(frames) }, NativeEndian);
        Ok(Self { bases: bases.set_eh_frame(frames as u64), header: parsed, frames: section })
    }

    /// The function that an address is in; `None` outside the program, or where it says nothing.
    pub fn function(&self, address: usize) -> Option<Function> {
        let text = text_start()..&raw const __etext as usize;
        if !text.contains(&address) {
            return None;
        }
        let table = self.header.table()?;
        let function = table.fde_for_address(&self.frames, &self.bases, address as u64, EhFrame::cie_from_offset);
        function.ok().map(Function)
    }

    /// Replaces a frame's registers by its caller's. `address` is in `function`; `interrupted` says that the frame was not left by a
    /// call. Errors: tables that cannot be read.
    pub fn step(
        &self,
        function: &Function,
        address: usize,
        interrupted: bool,
        context: &mut Context,
        room: &mut UnwindContext<usize, OnStack>,
    ) -> Result<(), Error> {
        let row = function.0.unwind_info_for_address(&self.frames, &self.bases, room, address as u64)?;
        let old = *context;
        let cfa = match *row.cfa() {
            CfaRule::RegisterAndOffset { register, offset } => old.of(register).wrapping_add(offset as usize),
            CfaRule::Expression(expression) => self.evaluate(function, &old, expression, None)?,
        };
        context.set(STACK, cfa);
        // A function that was left by a call has stored where it goes on, or is the outermost.
        if !interrupted {
            context.set(RETURN, 0);
        }
        for (register, rule) in row.registers() {
            let value = match *rule {
                RegisterRule::Undefined => 0,
                RegisterRule::SameValue => old.of(*register),
                // SAFETY: the tables say that the register was stored there.
                RegisterRule::Offset(offset) => unsafe { *(cfa.wrapping_add(offset as usize) as *const usize) },
                RegisterRule::ValOffset(offset) => cfa.wrapping_add(offset as usize),
                RegisterRule::Register(other) => old.of(other),
                RegisterRule::Expression(expression) => {
                    let at = self.evaluate(function, &old, expression, Some(cfa))?;
                    // SAFETY: as above.
                    unsafe { *(at as *const usize) }
                }
                RegisterRule::ValExpression(expression) => self.evaluate(function, &old, expression, Some(cfa))?,
                RegisterRule::Constant(value) => value as usize,
                RegisterRule::Architectural => return Err(Error::UnsupportedRegister(register.0.into())),
            };
            context.set(register.0, value);
        }
        Ok(())
    }

    /// The value of an expression; one for a register begins with the frame's address (DWARF 5, 6.4.2.3).
    #[cold]
    fn evaluate(
        &self,
        function: &Function,
        context: &Context,
        expression: UnwindExpression<usize>,
        first: Option<usize>,
    ) -> Result<usize, Error> {
        let expression = expression.get(&self.frames)?;
        let mut evaluation = Evaluation::<_, OnStack>::new_in(expression.0, function.0.cie().encoding());
        if let Some(first) = first {
            evaluation.set_initial_value(first as u64);
        }
        let mut state = evaluation.evaluate()?;
        loop {
            state = match state {
                EvaluationResult::Complete => break,
                EvaluationResult::RequiresMemory { address, .. } => {
                    // SAFETY: the tables say that the word is there.
                    let value = unsafe { (address as *const usize).read_unaligned() };
                    evaluation.resume_with_memory(Value::Generic(value as u64))?
                }
                EvaluationResult::RequiresRegister { register, .. } => {
                    evaluation.resume_with_register(Value::Generic(context.of(register) as u64))?
                }
                EvaluationResult::RequiresRelocatedAddress(address) => {
                    evaluation.resume_with_relocated_address(address)?
                }
                _ => return Err(Error::UnsupportedEvaluation),
            }
        }
        match evaluation.as_result().last().map(|piece| piece.location) {
            Some(Location::Address { address }) => Ok(address as usize),
            _ => Err(Error::UnsupportedEvaluation),
        }
    }
}

impl Function {
    /// Its first address.
    pub fn start(&self) -> usize {
        self.0.initial_address() as usize
    }

    /// Its language's routine, if it has one: `_Unwind_Personality_Fn` of the ABI.
    pub fn personality(&self) -> Option<usize> {
        self.0.personality().map(follow)
    }

    /// Its language's data; zero if it has none.
    pub fn data(&self) -> usize {
        self.0.lsda().map_or(0, follow)
    }

    /// Whether it is what a signal's handler returns to: its caller was interrupted, not left by a call.
    pub fn is_signal_trampoline(&self) -> bool {
        self.0.is_signal_trampoline()
    }
}
