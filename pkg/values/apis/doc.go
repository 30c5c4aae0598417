// Package apis holds the names that Data Spacer shares with its users and with Liqo: labels, object names, ports, the
// proxy's user. They are kept from the original system, so that its users move without edits.
package apis
