package seccomp

var ProfileFor = profileFor
