package netns

import "runtime"

// Own opens the network namespace of the calling thread, which is this process's own unless other code moved the thread
// elsewhere.
func Own() (*Namespace, error) {
	runtime.LockOSThread() // both looks at one thread's
	defer runtime.UnlockOSThread()
	return Open(threadPath)
}
