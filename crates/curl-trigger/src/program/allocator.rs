//! The allocator: blocks whose sizes are powers of two.
//!
//! The program allocates little and has one thread, so that one list of free blocks for each size is sufficient. It is a
//! twentieth of the code of a general allocator. A large block is a mapping of its own, which the kernel can move.
#![expect(unsafe_code, reason = "the interface of an allocator is unsafe")]
#![expect(
    clippy::cast_ptr_alignment,
    reason = "blocks are aligned to their size, which is at least that of an address"
)]

use core::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    ptr,
};

use rustix::mm::{MapFlags, MremapFlags, ProtFlags, mmap_anonymous, mremap, munmap};

/// The sizes of blocks are `1 << class`.
const MIN_CLASS: usize = 4;
const MAX_CLASS: usize = 16;
/// The size of a mapping from which blocks are made. The kernel adds its pages to the process when they are used.
const MAPPING: usize = 1 << 18;

struct Blocks {
    /// The first free block of each class. A free block starts with the address of the next one.
    free: [*mut u8; MAX_CLASS + 1],
    /// The unused rest of the last mapping.
    rest: *mut u8,
    rest_size: usize,
}

struct Allocator(UnsafeCell<Blocks>);

// SAFETY: the program has one thread and no signal handler that allocates.
unsafe impl Sync for Allocator {}

#[global_allocator]
static ALLOCATOR: Allocator = Allocator(UnsafeCell::new(Blocks {
    free: [ptr::null_mut(); MAX_CLASS + 1],
    rest: ptr::null_mut(),
    rest_size: 0,
}));

/// The class of a block. An alignment is a power of two, so a block that is at least as large is aligned.
fn class(size: usize, align: usize) -> usize {
    let size = size.max(align).max(1 << MIN_CLASS);
    (usize::BITS - (size - 1).leading_zeros()) as usize
}

fn map(size: usize) -> *mut u8 {
    let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    // SAFETY: a new mapping at an address that the kernel chooses changes no other memory.
    unsafe { mmap_anonymous(ptr::null_mut(), size, access, flags) }.map_or(ptr::null_mut(), <*mut _>::cast)
}

// SAFETY: blocks are disjoint, at least as large as the layout, and aligned to their size. A mapping of its own is aligned to
// a page, and no layout of this size has a larger alignment.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let class = class(layout.size(), layout.align());
        if class > MAX_CLASS {
            return map(layout.size());
        }
        // SAFETY: no other reference exists, as there is one thread and the functions do not call each other.
        let blocks = unsafe { &mut *self.0.get() };
        let free = blocks.free[class];
        if !free.is_null() {
            // SAFETY: a free block starts with the address of the next one.
            blocks.free[class] = unsafe { free.cast::<*mut u8>().read() };
            return free;
        }
        let size = 1 << class;
        // A block starts at a multiple of its size.
        let mut skipped = blocks.rest.align_offset(size);
        if blocks.rest_size < skipped.saturating_add(size) {
            blocks.rest = map(MAPPING);
            if blocks.rest.is_null() {
                blocks.rest_size = 0;
                return ptr::null_mut();
            }
            blocks.rest_size = MAPPING;
            skipped = blocks.rest.align_offset(size);
        }
        // The kernel aligns mappings to pages only, so that up to a block may be skipped: a mapping has room for several.
        blocks.rest_size -= skipped + size;
        // SAFETY: both positions are in the mapping or at its end, by the check above.
        unsafe {
            let block = blocks.rest.add(skipped);
            blocks.rest = block.add(size);
            block
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let class = class(layout.size(), layout.align());
        if class > MAX_CLASS {
            // SAFETY: the caller no longer uses the mapping, which `alloc` or `realloc` made with this size.
            let _ = unsafe { munmap(block.cast(), layout.size()) };
            return;
        }
        // SAFETY: as in `alloc`; the block is at least as large as an address and aligned.
        unsafe {
            let blocks = &mut *self.0.get();
            block.cast::<*mut u8>().write(blocks.free[class]);
            blocks.free[class] = block;
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let (old, new) = (class(layout.size(), layout.align()), class(new_size, layout.align()));
        if old == new && old <= MAX_CLASS {
            return block;
        }
        // SAFETY: the caller guarantees that the block has the old layout, and that the new size with its alignment is a
        // valid layout. The blocks are disjoint.
        unsafe {
            if old > MAX_CLASS && new > MAX_CLASS {
                let moved = mremap(block.cast(), layout.size(), new_size, MremapFlags::MAYMOVE);
                return moved.map_or(ptr::null_mut(), <*mut _>::cast);
            }
            let to = self.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
            if !to.is_null() {
                ptr::copy_nonoverlapping(block, to, layout.size().min(new_size));
                self.dealloc(block, layout);
            }
            to
        }
    }
}
