package main

// A Patient is one made-up record. Nobody here exists; the names say so.
type Patient struct {
	ID        int    `json:"id"`
	Name      string `json:"name"`
	Age       int    `json:"age"`
	Treatment string `json:"treatment"`
	// Before and After are systolic blood pressures in mmHg, at the start and the end of the study.
	Before    int  `json:"before"`
	After     int  `json:"after"`
	Fictional bool `json:"fictional"`
}

// patients returns the hospital's whole (fictional) file, ids 1 to 10 in order.
func patients() []Patient {
	file := []Patient{
		{Name: "Ada Example", Age: 52, Treatment: "imaginol", Before: 158, After: 139},
		{Name: "Bo Placeholder", Age: 61, Treatment: "placebo", Before: 151, After: 149},
		{Name: "Cleo Sample", Age: 47, Treatment: "imaginol", Before: 147, After: 133},
		{Name: "Dora Fixture", Age: 70, Treatment: "placebo", Before: 163, After: 160},
		{Name: "Eli Nobody", Age: 58, Treatment: "imaginol", Before: 155, After: 141},
		{Name: "Fay Fictitious", Age: 66, Treatment: "placebo", Before: 149, After: 151},
		{Name: "Gus Mockup", Age: 39, Treatment: "imaginol", Before: 144, After: 130},
		{Name: "Hal Invented", Age: 73, Treatment: "placebo", Before: 168, After: 162},
		{Name: "Ida Dummy", Age: 55, Treatment: "imaginol", Before: 152, After: 136},
		{Name: "Jon Testcase", Age: 49, Treatment: "placebo", Before: 146, After: 147},
	}
	for i := range file {
		file[i].ID, file[i].Fictional = i+1, true
	}
	return file
}
