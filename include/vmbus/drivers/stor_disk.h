/* SPDX-License-Identifier: MIT */
/**
 * @file
 * A disk behind the host's storage controller: what it is, and how it is read and written.
 *
 * You give a `struct vmb_stor_disk` with two functions. `submit` gets one job at a time; you do it
 * when and where you like, straight into the guest's memory, and end it exactly once by
 * vmb_stor_host_complete(), from any thread, also from within `submit`.
 *
 * A job is yours from `submit` to vmb_stor_host_complete(): its segments too, which you may cut
 * short or move on as a partial transfer proceeds. The guest may change its memory meanwhile; that
 * spoils its own data and nothing else, as long as you do not decide anything by what you read
 * there.
 */
#ifndef VMB_DRIVERS_STOR_DISK_H
#define VMB_DRIVERS_STOR_DISK_H

#include <vmbus/status.h>
#include <vmbus/types.h>

VMB_BEGIN_DECLS

/** What a job wants done. */
enum vmb_stor_operation {
    VMB_STOR_READ = 1,        /**< Fill the segments. */
    VMB_STOR_WRITE = 2,       /**< Store the segments. */
    VMB_STOR_FLUSH = 3,       /**< Every write that has completed survives a power failure. */
    VMB_STOR_DISCARD = 4,     /**< The contents are not needed any more; a hint. */
    VMB_STOR_WRITE_ZEROES = 5 /**< The range reads as zeros from now on. */
};

/** How a job has ended. */
enum vmb_stor_result {
    VMB_STOR_DONE = 0,        /**< All of it. */
    VMB_STOR_MEDIA_ERROR = 1, /**< The medium cannot be read or written there. */
    VMB_STOR_NO_SPACE = 2,    /**< What holds the disk is full. */
    VMB_STOR_READ_ONLY = 3,   /**< It cannot be written after all. */
    VMB_STOR_GONE = 4,        /**< The disk is not reachable any more. */
    VMB_STOR_FAILED = 5       /**< Anything else. */
};

/** Guest memory in one piece. The same two words as a POSIX `struct iovec`. */
struct vmb_stor_segment {
    void VMB_SHARED *base;
    size_t byte_count;
};

/** One job. The library's but from submit to vmb_stor_host_complete(). */
struct vmb_stor_io {
    enum vmb_stor_operation operation;
    /** Writes and zeroes: on stable storage before it completes. */
    bool is_durable;
    /** Zeroes: the space may be given back if it then reads as zeros. */
    bool may_unmap;
    uint64_t offset_bytes; /**< Both are multiples of the block; the range is on the disk. */
    uint64_t byte_count;   /**< Reads and writes: the sum of the segments. Flush: 0. */
    struct vmb_stor_segment *segments;
    uint32_t segment_count;
    uint64_t error_offset_bytes; /**< Set it with VMB_STOR_MEDIA_ERROR, if you know it. */
    void *link;                  /**< Yours, to queue it. */
    uint64_t note;               /**< Yours: bytes done so far, a handle. */
};

/** How a kind of disk is driven. Constant; outlives the disk. */
struct vmb_stor_disk_ops {
    /** Begin a job. Of several channels at once, each from the thread that runs it. */
    void (*submit)(void *context, struct vmb_stor_io *io);
    /** A batch of jobs has been submitted: send it off. May be NULL. Threads as submit. */
    void (*submitted)(void *context);
};

/** The longest serial number, in characters. */
#define VMB_STOR_SERIAL_CHARS 36u
/** The longest product name. */
#define VMB_STOR_PRODUCT_CHARS 16u

/** A disk. Zero means the default, for every field but the first three. */
struct vmb_stor_disk {
    const struct vmb_stor_disk_ops *ops; /**< Required. */
    void *context;                       /**< Passed to them. */
    uint64_t block_count;                /**< Required; of block_bytes each. */
    uint32_t block_bytes;                /**< 512 to 4096, a power of two. Default 512. */
    /** Block of the medium: a power of two, 1 to 32768 times block_bytes. Default: block_bytes. */
    uint32_t physical_block_bytes;
    uint32_t discard_bytes;                  /**< Granularity of discards; 0: none are possible. */
    bool discard_zeroes;                     /**< What was discarded reads as zeros. */
    bool read_only;                          /**< The guest may not write. */
    bool write_through;                      /**< Writes are durable when they complete. */
    bool rotates;                            /**< Seeks cost time: the guest should sort. */
    uint64_t unique_id;                      /**< Guests know the disk by it; 0: from the serial. */
    char serial[VMB_STOR_SERIAL_CHARS + 1u]; /**< Printable ASCII. Default: "0". */
    char product[VMB_STOR_PRODUCT_CHARS + 1u]; /**< Printable ASCII. Default: "Virtual Disk". */
};

/**
 * End a job.
 *
 * @param io      As submit got it. Not to be touched after this.
 * @param result  How it ended.
 *
 * Context: isr-ok; any thread, several at once, also from within submit. Takes no lock.
 */
void vmb_stor_host_complete(struct vmb_stor_io *io, enum vmb_stor_result result);

VMB_END_DECLS

#endif /* VMB_DRIVERS_STOR_DISK_H */
