package xtables

var VersionOf = versionOf
