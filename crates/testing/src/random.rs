/// Numbers that look random and depend on the seed alone: Marsaglia's xorshift64. The seed is not 0.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    /// Returns a number below `limit`, which is not 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    /// Returns a position in a list of this length, which is not 0.
    ///
    /// # Panics
    ///
    /// When the list is empty.
    pub fn position(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("a position in a list")
    }
}
