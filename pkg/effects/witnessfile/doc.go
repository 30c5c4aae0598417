// Package witnessfile keeps what a witness knows in a folder: its key, and for each log the checkpoint that it cosigned last.
package witnessfile
