package facts

var GuestFolder = guestFolder
