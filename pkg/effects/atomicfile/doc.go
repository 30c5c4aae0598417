// Package atomicfile replaces files on the node as a whole. A reader sees the old content or the new content, never a part,
// also after a crash or a power failure (rename(2), fsync(2)).
package atomicfile
