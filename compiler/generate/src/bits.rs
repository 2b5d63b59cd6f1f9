//! How many bits wide the numbers of a value are.

use moe_graph::Element;

/// What is known of a float value: its entries are multiples of 2 to the -`fraction`, of magnitude 2 to the `magnitude` at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bits {
    pub magnitude: u32,
    pub fraction: u32,
}

impl Bits {
    pub fn times(self, other: Bits) -> Bits {
        Bits { magnitude: self.magnitude + other.magnitude, fraction: self.fraction + other.fraction }
    }

    pub fn both(self, other: Bits) -> Bits {
        Bits { magnitude: self.magnitude.max(other.magnitude), fraction: self.fraction.max(other.fraction) }
    }

    pub fn sum_of(self, count: usize) -> Bits {
        Bits { magnitude: self.magnitude + count.max(1).next_power_of_two().trailing_zeros(), ..self }
    }

    /// Whether arithmetic on the type keeps such numbers exact.
    pub fn fits(self, element: Element) -> bool {
        let room = match element {
            Element::F64 => 50,
            Element::F32 => 22,
            Element::F16 => 10,
            Element::Bf16 => 7,
            _ => u32::MAX,
        };
        self.magnitude + self.fraction <= room
    }
}

/// What inputs hold: quarters of magnitude 2 at most.
pub(crate) const INPUT: Bits = Bits { magnitude: 1, fraction: 2 };
