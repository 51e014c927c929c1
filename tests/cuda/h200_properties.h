// An H200 as cuDNN describes it (CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION), written by hand from its published properties: plans are made
// for it where there is no GPU. To be replaced by what a real one says.
#pragma once

namespace gradus::testing {

inline constexpr char kH200Properties[] =
    R"json({"maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64], "regsPerBlock": 65536,
 "multiProcessorCount": 132, "warpSize": 32, "maxSharedMemoryPerBlock": 49152,
 "maxSharedMemoryPerBlockOptin": 232448, "reservedSharedMemoryPerBlock": 1024, "maxRegistersPerSM": 65536,
 "maxCtasPerSM": 32, "maxThreadsPerBlock": 1024, "maxThreadsPerSM": 2048, "pciDeviceId": 0, "isTccDriver": 0,
 "supportCoopLaunch": 1, "smClockRateKHz": 1980000, "memClockRateKHz": 3201000, "l2CacheSize": 62914560,
 "deviceName": "NVIDIA H200", "deviceVer": 900, "driverVer": 13000, "cudaDeviceId": 0,
 "totalGlobalMem": 150754820096, "maxSharedMemoryPerSM": 233472})json";

}  // namespace gradus::testing
