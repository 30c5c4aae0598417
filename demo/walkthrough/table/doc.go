// Package table prints aligned columns whose cells wrap.
package table
