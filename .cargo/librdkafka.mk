# Read by make before librdkafka's own makefiles, which always compile with -g -O2 and build a C++ library that nothing here links.
# Compiles as the Rust crate rdkafka-sys is compiled, with its opt-level and without debug information, and leaves the C++ library out.
ifneq ($(wildcard mklove/Makefile.base ../mklove/Makefile.base),)
override LIBSUBDIRS = src
override CFLAGS += -g0 -O$(OPT_LEVEL)
endif
