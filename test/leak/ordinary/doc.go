// Package ordinary makes the ordinary traffic of applications, as a server and as a client. It must go on under the rules
// that stop everything else.
package ordinary
