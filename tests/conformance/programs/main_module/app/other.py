"""Started as a program by another one."""

VALUE = 40 + 2
if __name__ == "__main__":
    print("other")
