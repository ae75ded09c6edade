module example.org/tools/echo/v2

go 1.21
