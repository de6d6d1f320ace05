"""The matrix: a plan of arms, their runs in a balanced order, resumed where they were interrupted."""
