//! Memory of an instance, as one sum.

use wasmtime::ResourceLimiter;

/// A table's element is a pointer on the host.
const ELEMENT: usize = size_of::<usize>();

/// Counts all linear memories and tables of a store against one limit.
pub(crate) struct MemoryLimit {
    limit: usize,
    used: usize,
    /// A growth was refused: the reason for what the component does next.
    pub(crate) hit: bool,
}

impl MemoryLimit {
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            used: 0,
            hit: false,
        }
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    fn grow(&mut self, current: usize, desired: usize) -> bool {
        match self.used.checked_add(desired.saturating_sub(current)) {
            Some(used) if used <= self.limit => {
                self.used = used;
                true
            }
            _ => {
                self.hit = true;
                false
            }
        }
    }
}

/// Most core instances, memories and tables of a store: as many as one of the pool can have.
const PARTS: usize = crate::engine::MODULES as usize;

impl ResourceLimiter for MemoryLimit {
    fn instances(&self) -> usize {
        PARTS
    }

    fn memories(&self) -> usize {
        PARTS
    }

    fn tables(&self) -> usize {
        PARTS
    }

    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grow(current, desired))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grow(
            current.saturating_mul(ELEMENT),
            desired.saturating_mul(ELEMENT),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_share_one_limit() {
        let mut limit = MemoryLimit::new(1000);
        assert!(limit.memory_growing(0, 600, None).unwrap());
        assert!(limit.table_growing(0, 50, None).unwrap());
        assert!(!limit.memory_growing(0, 1, None).unwrap());
        assert!(limit.hit);
    }
}
