// Package dropped makes facts of the packets that rules in pods dropped: where they were to go, or where they came from. It reads the packets'
// headers and bounds what is kept and recorded of them, since a pod's processes choose destinations and number.
package dropped
