// Package guestnames decides which addresses of a host's name are answered to guests and which are open to them, as the name's addresses change.
package guestnames
