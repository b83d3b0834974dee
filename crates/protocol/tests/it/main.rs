//! Properties of the protocol, over generated input.

mod decoder;
