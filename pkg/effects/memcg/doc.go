// Package memcg reads how much memory a control group holds, and sets from where on the kernel slows it down (cgroup v2).
package memcg
