module profd.test/frames

go 1.18
