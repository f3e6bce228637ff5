module profd.example/orders

go 1.18
