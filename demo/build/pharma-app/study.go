package main

import "sort"

// patient is what the study reads of a hospital's record.
type patient struct {
	Treatment string `json:"treatment"`
	Before    int    `json:"before"`
	After     int    `json:"after"`
}

// A Result is what the guest takes home: numbers about groups, nothing about a person.
type Result struct {
	Study    string  `json:"study"`
	Patients int     `json:"patients"`
	Groups   []Group `json:"groups"`
}

// A Group is one treatment's patients; MeanChange is in mmHg.
type Group struct {
	Treatment  string  `json:"treatment"`
	Patients   int     `json:"patients"`
	MeanChange float64 `json:"meanChange"`
}

// study computes the mean change of blood pressure per treatment, in alphabetical order of treatments.
func study(patients []patient) Result {
	sums, counts := map[string]int{}, map[string]int{}
	for _, p := range patients {
		sums[p.Treatment] += p.After - p.Before
		counts[p.Treatment]++
	}
	result := Result{Study: "blood pressure", Patients: len(patients), Groups: []Group{}}
	for treatment, n := range counts {
		result.Groups = append(result.Groups, Group{treatment, n, float64(sums[treatment]) / float64(n)})
	}
	sort.Slice(result.Groups, func(i, j int) bool { return result.Groups[i].Treatment < result.Groups[j].Treatment })
	return result
}
