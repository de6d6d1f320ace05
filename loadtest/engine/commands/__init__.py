"""What a charge point does when the central system calls: one module for each group of actions, one dispatcher."""
