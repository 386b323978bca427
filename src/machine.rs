//! Turns programs into machine code.
