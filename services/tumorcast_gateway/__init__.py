"""The gateway: one door for programs, REST and gRPC, in front of the four services that read and predict."""
