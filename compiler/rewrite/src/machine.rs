//! The machine that the cost is worked out for.

/// Speeds of a machine. The default is two ordinary cores with 256-bit vectors.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MachineDescription {
    /// Additions and multiplications, in 10⁹ a second.
    pub arithmetic: f64,
    /// Additions and multiplications of integers of 32 bits, as fast as products of bytes are summed in them, in 10⁹ a second. By default half
    /// as many again as of floats: one instruction multiplies and adds pairs of 16 bits, another adds what it gives to the sum.
    pub integer: f64,
    /// Comparisons, choices and other cheap functions, in 10⁹ a second.
    pub simple: f64,
    /// Divisions, roots, exponentials and their like, in 10⁹ a second.
    pub special: f64,
    /// Memory, in 10⁹ bytes a second.
    pub bandwidth: f64,
    /// Starting a loop nest on all cores, in seconds.
    pub launch: f64,
    /// How much longer the same arithmetic takes over packed rows: gathering, and counts that fill no tile.
    pub ragged: f64,
}

impl Default for MachineDescription {
    fn default() -> Self {
        MachineDescription {
            arithmetic: 60.0,
            integer: 90.0,
            simple: 20.0,
            special: 4.0,
            bandwidth: 25.0,
            launch: 1e-6,
            ragged: 1.25,
        }
    }
}
